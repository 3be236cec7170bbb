"""What any reader is told about a booking. Pages, e-mails and the admin ask here and nowhere else.

Every sentence answers one of five questions, each in a file of its own:

    history     what happened?
    next_step   what happens next, if nobody does anything?
    refund      where is the money?
    labels      what may I do, and where does the booking stand?
    limits      what were the rules?

The audience (follower, expert or staff) is a property of the `Reader`. Sentences are whole, with
named placeholders, so that each can be translated as it stands.
"""
