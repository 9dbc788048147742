"""The item: one thing going out, from the user's act to its last receipt (design 7, design 8).

Theory of operation
===================

The queue is the order of the items. A send slot is offered at the end of every step to the first item of the queue
(pending, sending or in doubt), and to the first file being uploaded; only an item that waits for nothing takes it. So
one post is in flight, nothing overtakes a doubt, and one file is uploaded beside the queue, which it joins afterwards.

A post has three kinds of bad answers. *Postponed*: certainly not processed, so it is sent again after a pause.
*Refused*: it fails. *Doubted* or *limited*: the server may have processed it. What may be sent twice (an end) is sent
again; what leaves no trace in the log fails as `unknown`; everything else is `in_doubt`. After a settle delay it can no
longer arrive (`ItemSettled`), the history is read, and what the log lacks is sent again with the same id.

A copy of the item from the server, live or in the log, or a receipt for it, proves that it arrived, in any state.

A sent item stays in the session while it may get receipts. An item that is read, or has failed, leaves it
(`states.ITEM_OUTSIDE`), and so does one that awaits no receipt (`NoReceiptAwaited`).
"""

from __future__ import annotations

from typing import Final

from .. import signals as sig
from .. import states as s
from .. import wire
from ..actions import outgoing as out
from ..table import Machine, arc, ignore, rows

ABSENT, UPLOADING, PENDING, SENDING, IN_DOUBT, SENT, DELIVERED, READ, FAILED = s.ITEM
QUEUED: Final = s.ITEM_QUEUED
TRACKED: Final = s.ITEM_TRACKED
FINISHED: Final = (READ, FAILED)

ENTERING: Final = (sig.ItemQueued, sig.FileQueued)
UPLOADS: Final = (sig.UploadAccepted, sig.UploadPostponed, sig.UploadLimited, sig.UploadRefused, sig.UploadBlocked)
# fmt: off
POSTS: Final = (
    sig.PostAccepted, sig.PostPostponed, sig.PostDoubted, sig.PostLimited, sig.PostRefused, sig.PostDenied,
    sig.PostBlocked,
)
PROOFS: Final = (sig.HistoryProved, sig.HistoryUnreadable)
RECEIPTS: Final = (sig.EchoReceived, sig.DeliveryConfirmed, sig.ReadConfirmed)
OTHERS: Final = (
    sig.SendSlot, *UPLOADS, *POSTS, sig.ItemDue, sig.ItemSettled, *PROOFS, *RECEIPTS, sig.NoReceiptAwaited,
    sig.NoChatToSendTo, sig.SessionOver,
)
NO_CALL: Final = "no such call is in flight"

ROWS: Final = rows(
    # uploading a file
    arc(ABSENT,    sig.FileQueued,      (),            (),                 out.waiting_upload, (),                    "the server needs the bytes first",         "1.2 E12"),
    ignore(UPLOADING, sig.SendSlot, "an upload or a pause is running", out.has_deadline),
    arc(UPLOADING, sig.SendSlot,        out.may_post,  (),                 out.uploading,      (),                    "one upload at a time",                     "1.2 E12"),
    ignore(UPLOADING, sig.SendSlot, "no chat to send it to yet, or the connection is blocked"),
    arc(UPLOADING, sig.UploadAccepted,  (),            out.take_file_id,   out.queued,         (),                    "joins the queue",                          "design 8"),
    arc(UPLOADING, sig.UploadPostponed, (),            (),                 out.upload_pausing, (),                    "may be repeated without harm",             "1.4 E12"),
    arc(UPLOADING, sig.UploadLimited,   out.may_retry, (),                 out.upload_pausing, (),                    "an error that may pass: a few more tries", "7 5558"),
    arc(UPLOADING, sig.UploadLimited,   (),            out.report_refused, FAILED,             (),                    "tried often enough",                       "7 5558"),
    arc(UPLOADING, sig.UploadRefused,   (),            out.report_refused, FAILED,             (),                    "too large, or not allowed",                "7 5501"),
    arc(UPLOADING, sig.UploadBlocked,   (),            (),                 out.waiting_upload, sig.ConnectionRefused, "waits until the connection is unblocked",  "design 9"),
    arc(UPLOADING, sig.ItemDue,         (),            (),                 out.waiting_upload, (),                    "the pause is over",                        "7"),

    # posting the head of the queue
    arc(ABSENT,  sig.ItemQueued,                     (),                                   (),                 out.queued,         (),                    "its id is made when the user acts",                  "design 7"),
    ignore(PENDING, sig.SendSlot, "a pause is running", out.has_deadline),
    arc(PENDING, sig.SendSlot,                       out.may_post,                         (),                 out.sending,        (),                    "the head of the queue",                              "design 8"),
    ignore(PENDING, sig.SendSlot, "no chat yet, or the connection is blocked: the queue waits"),
    arc(PENDING, sig.ItemDue,                        (),                                   (),                 out.pending,        (),                    "the pause is over",                                  "7"),
    arc(SENDING, sig.PostAccepted,                   out.entry_is(wire.SessionDisconnect), out.report_sent,    SENT,               sig.DisconnectSent,    "the server has it",                                  "6.2"),
    arc(SENDING, sig.PostAccepted,                   out.resets_idle_timer,                out.report_sent,    SENT,               sig.CustomerActed,     "the server has it, and its idle timer starts anew",  "6.1"),
    arc(SENDING, sig.PostAccepted,                   (),                                   out.report_sent,    SENT,               (),                    "the server has it",                                  "1.2 E6"),
    arc(SENDING, sig.PostPostponed,                  (),                                   (),                 out.pausing,        (),                    "certainly not processed",                            "7"),
    arc(SENDING, (sig.PostDoubted, sig.PostLimited), out.is_repeatable,                    (),                 out.pausing,        (),                    "may be sent twice without harm",                     "1.4"),
    arc(SENDING, (sig.PostDoubted, sig.PostLimited), out.is_traceless,                     out.report_unknown, FAILED,             (),                    "the log cannot prove it",                            "design 8"),
    arc(SENDING, sig.PostDoubted,                    (),                                   (),                 out.in_doubt,       (),                    "never resent without a proof",                       "1.4 E6; 8 F12"),
    arc(SENDING, sig.PostLimited,                    out.may_retry,                        (),                 out.in_doubt_again, (),                    "never resent without a proof, and a few times only", "7 5500"),
    arc(SENDING, sig.PostLimited,                    (),                                   out.report_unknown, FAILED,             (),                    "tried often enough; the others go on",               "7 5500"),
    arc(SENDING, sig.PostRefused,                    out.entry_is(wire.SessionEnd),        (),                 out.pausing,        (),                    "repeated until the time for ending is over",         "3.1 end: bounded"),
    arc(SENDING, sig.PostRefused,                    (),                                   out.report_refused, FAILED,             (),                    "the server refuses it",                              "7"),
    arc(SENDING, sig.PostDenied,                     out.entry_is(wire.SessionEnd),        (),                 out.pausing,        (),                    "sent again if the chat exists, until the time for ending is over", "design 13"),
    arc(SENDING, sig.PostDenied,                     out.may_retry,                        (),                 out.pausing,        (),                    "not processed: sent again if the chat exists",                     "design 13"),
    arc(SENDING, sig.PostDenied,                     (),                                   out.report_refused, FAILED,             (),                    "the chat exists, and this is denied each time",                    "design 13"),
    arc(SENDING, sig.PostBlocked,                    (),                                   (),                 out.pending,        sig.ConnectionRefused, "not processed; the queue waits",                     "design 9"),

    # in doubt, until the log proves it
    arc(IN_DOUBT, sig.ItemSettled,       (),                      (),                   out.settled, sig.ProofRequested, "it can no longer arrive: the history proves from now on",    "design 8"),
    ignore(IN_DOUBT, PROOFS, "too early: it may still arrive", out.has_deadline),
    arc(IN_DOUBT, sig.HistoryProved,     out.is_done_by_roster,   out.report_sent,      SENT,        sig.DisconnectSent, "a disconnect leaves no id, but no agent either",             "design 8"),
    arc(IN_DOUBT, sig.HistoryProved,     out.entry_is(wire.File), out.clear_message_id, out.pending, (),                 "the log lacks it; a server may fail on a file's message id", "10 row 18"),
    arc(IN_DOUBT, sig.HistoryProved,     (),                      (),                   out.pending, (),                 "the log lacks it: sent again with the same id",              "5; 8 F12"),
    arc(IN_DOUBT, sig.HistoryUnreadable, (),                      out.report_unknown,   FAILED,      (),                 "there will be no proof",                                     "design 8"),

    # echoes and receipts
    arc(QUEUED,    sig.EchoReceived,      out.resets_idle_timer,                out.report_sent,                                          SENT,      sig.CustomerActed,  "the server has it",                                               "5"),
    arc(QUEUED,    sig.EchoReceived,      out.entry_is(wire.SessionDisconnect), out.report_sent,                                          SENT,      sig.DisconnectSent, "the server has it",                                               "6.2"),
    arc(QUEUED,    sig.EchoReceived,      (),                                   out.report_sent,                                          SENT,      (),                 "the server has it",                                               "5"),
    arc(QUEUED,    sig.DeliveryConfirmed, (),                                   (out.report_sent, out.report_delivered),                  DELIVERED, sig.CustomerActed,  "a receipt may come before the post's answer, and proves as much", "5 receipts"),
    arc(QUEUED,    sig.ReadConfirmed,     (),                                   (out.report_sent, out.report_delivered, out.report_read), READ,      sig.CustomerActed,  "a receipt may come before the post's answer, and proves as much", "5 receipts"),
    arc(SENT,      sig.DeliveryConfirmed, (),                                   out.report_delivered,                                     DELIVERED, (),                 "a party has it",                                                  "3.1"),
    arc(SENT,      sig.ReadConfirmed,     (),                                   (out.report_delivered, out.report_read),                  READ,      (),                 "read implies delivered",                                          "3.1"),
    arc(DELIVERED, sig.ReadConfirmed,     (),                                   out.report_read,                                          READ,      (),                 "a party has read it",                                             "3.1"),
    ignore(DELIVERED, sig.DeliveryConfirmed, "another party, or a repeat"),
    ignore(TRACKED, sig.EchoReceived, "known to have arrived"),
    arc(TRACKED,   sig.NoReceiptAwaited,  (),                                   (),                                                       ABSENT,    (),                 "no receipt can come, or too many newer items wait for one",       "design 12"),

    # the end
    arc((UPLOADING, PENDING), sig.NoChatToSendTo, (),                                                    out.report_not_sent, FAILED, (), "there is no chat to send it to", "2.4"),
    arc(QUEUED,               sig.SessionOver,    out.entry_is(wire.SessionEnd, wire.SessionDisconnect), (),                  ABSENT, (), "the end has fulfilled it",       "8 F37"),
    arc((UPLOADING, PENDING), sig.SessionOver,    (),                                                    out.report_not_sent, FAILED, (), "the server never had it",        "8 F14"),
    arc((SENDING, IN_DOUBT),  sig.SessionOver,    (),                                                    out.report_unknown,  FAILED, (), "it may have arrived",            "8 F14"),
    arc(TRACKED,              sig.SessionOver,    (),                                                    (),                  ABSENT, (), "no receipt will come any more",  "9"),

    # everything else changes nothing
    ignore(ABSENT, OTHERS, "not in the session"),
    ignore(FINISHED, (*ENTERING, *OTHERS), "it has its outcome"),
    ignore((UPLOADING, *QUEUED, *TRACKED), ENTERING, "in the session already"),
    ignore((SENDING, IN_DOUBT, *TRACKED), sig.SendSlot, "it waits for no send slot"),
    ignore((*QUEUED, *TRACKED), UPLOADS, NO_CALL),
    ignore((UPLOADING, PENDING, IN_DOUBT, *TRACKED), POSTS, NO_CALL),
    ignore((SENDING, IN_DOUBT, *TRACKED), sig.ItemDue, "no pause is running"),
    ignore((UPLOADING, PENDING, SENDING, *TRACKED), (sig.ItemSettled, *PROOFS), "not in doubt"),
    ignore(UPLOADING, RECEIPTS, "nothing was sent yet"),
    ignore((SENDING, IN_DOUBT, *TRACKED), sig.NoChatToSendTo, "it was sent to a chat that was found"),
    ignore((UPLOADING, *QUEUED), sig.NoReceiptAwaited, "not sent yet"),
)
# fmt: on

MACHINE: Final = Machine(
    name="item",
    states=s.ITEM,
    initial=ABSENT,
    terminal=FINISHED,
    rows=ROWS,
    deadlines={UPLOADING: sig.ItemDue, PENDING: sig.ItemDue, IN_DOUBT: sig.ItemSettled},
)
