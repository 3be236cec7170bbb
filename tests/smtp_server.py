"""A real SMTP server in forty lines: it speaks the protocol over a socket and keeps what it got."""

from __future__ import annotations

import re
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage


@dataclass
class Received:
    sender: str
    recipients: list[str]
    raw: bytes

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=policy.default)  # type: ignore[return-value]


@dataclass
class Mailbox:
    """What arrived, and how the server is told to misbehave."""

    port: int = 0
    received: list[Received] = field(default_factory=list)
    refuse_recipient: bytes = b""
    """answer to RCPT instead of 250"""
    fail_data: list[bytes] = field(default_factory=list)
    """answers to the end of DATA, one per message, after which it works"""
    hang_up_after_data: bool = False
    """take the message and close without an answer"""
    silent: int = 0
    """so many messages are taken and not answered for two seconds"""
    most_per_connection: int = 1000
    """after so many messages a connection is closed when the next one begins"""
    connections: int = 0


def as_read(received: Received, header: str) -> str:
    """A header as a mail program shows it: encoded words decoded once, names without quotes."""
    value = str(message_from_bytes(received.raw)[header]).replace("\r\n", "")
    shown = str(make_header(decode_header(value)))
    return shown if "=?" in value else re.sub(r'^"((?:\\.|[^"\\])*)"', _unescaped, shown)


def _unescaped(quoted: re.Match[str]) -> str:
    return re.sub(r"\\(.)", r"\1", quoted[1])


class _Session(socketserver.StreamRequestHandler):
    mailbox: Mailbox

    def handle(self) -> None:
        sender, recipients, taken = "", [], 0
        self.mailbox.connections += 1
        self._say(b"220 ready")
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb in (b"EHLO", b"HELO"):
                self._say(b"250 8BITMIME")
            elif verb == b"MAIL" and taken == self.mailbox.most_per_connection:
                return self._say(b"421 too many")
            elif verb == b"MAIL":
                sender, recipients = line.decode().split("<")[1].split(">")[0], []
                self._say(b"250 ok")
            elif verb == b"RCPT":
                recipients.append(line.decode().split("<")[1].split(">")[0])
                self._say(self.mailbox.refuse_recipient or b"250 ok")
            elif verb == b"DATA":
                self._say(b"354 go on")
                taken += 1
                if not self._take(sender, recipients):
                    return
            elif verb == b"QUIT":
                self._say(b"221 bye")
                return
            else:
                self._say(b"250 ok")

    def _take(self, sender: str, recipients: list[str]) -> bool:
        lines = iter(self.rfile.readline, b".\r\n")
        raw = b"".join(line.removeprefix(b".") if line[:2] == b".." else line for line in lines)
        if self.mailbox.fail_data:
            self._say(self.mailbox.fail_data.pop(0))
            return True
        self.mailbox.received.append(Received(sender, recipients, raw))
        if self.mailbox.hang_up_after_data:
            return False
        if self.mailbox.silent:
            self.mailbox.silent -= 1
            time.sleep(2)
        self._say(b"250 taken")
        return True

    def _say(self, line: bytes) -> None:
        self.wfile.write(line + b"\r\n")


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True


@contextmanager
def running(mailbox: Mailbox | None = None) -> Iterator[Mailbox]:
    """One that was stopped is started again, at the same port, with what it has kept."""
    mailbox = mailbox or Mailbox()
    session = type("Session", (_Session,), {"mailbox": mailbox})
    with _Server(("127.0.0.1", mailbox.port), session) as server:
        mailbox.port = server.server_address[1]
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        yield mailbox
        server.shutdown()
        thread.join()
