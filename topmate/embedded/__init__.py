"""Everything on one machine from one command: a broker, web, worker and beat."""
