"""The item: one thing going out, from the user's act to its last receipt (D2.7, D2.8).

The queue is the order of the items; only its head is ever sent, and nobody overtakes doubt. A file is uploaded beside
the queue and joins it when it is there. An item that is read, or has failed, leaves the session.
"""

from __future__ import annotations

from typing import Final

from .. import signals as sig
from ..actions import outgoing as out
from ..session import (
    ITEM,
    ItemAbsent,
    ItemDelivered,
    ItemFailed,
    ItemInDoubt,
    ItemPending,
    ItemRead,
    ItemSending,
    ItemSent,
    ItemUploading,
)
from ..table import Machine, Row, ignore, row, rows

_GONE: Final = (ItemAbsent, ItemRead, ItemFailed)
_ARRIVED: Final = (ItemSent, ItemDelivered)
_QUEUED: Final = (ItemPending, ItemSending, ItemInDoubt)
_UPLOADS: Final = (
    sig.UploadAccepted,
    sig.UploadPostponed,
    sig.UploadLimited,
    sig.UploadRefused,
    sig.UploadBlocked,
)
_POSTS: Final = (
    sig.PostAccepted,
    sig.PostPostponed,
    sig.PostDoubted,
    sig.PostLimited,
    sig.PostRefused,
    sig.PostBlocked,
)


def _uploads() -> tuple[Row, ...]:
    return rows(
        row(
            ItemAbsent,
            sig.FileQueued,
            ItemUploading,
            make=out.waiting_upload,
            why="the server needs the bytes first",
            ref="1.2 E12",
        ),
        row(
            ItemUploading,
            sig.SendSlot,
            ItemUploading,
            when=out.may_post,
            make=out.uploading,
            why="one upload at a time",
            ref="1.2 E12",
        ),
        ignore(ItemUploading, sig.SendSlot, "no chat to send it to yet, or the link is blocked"),
        row(
            ItemUploading,
            sig.UploadAccepted,
            ItemPending,
            do=out.take_file_id,
            make=out.fresh,
            why="joins the queue",
            ref="D2.8",
        ),
        row(
            ItemUploading,
            sig.UploadPostponed,
            ItemUploading,
            make=out.upload_pausing,
            why="harmless to repeat",
            ref="1.4 E12",
        ),
        row(
            ItemUploading,
            sig.UploadLimited,
            ItemUploading,
            when=out.may_retry,
            make=out.upload_pausing,
            why="an error that promises nothing: a few more tries",
            ref="7 5558",
        ),
        row(
            ItemUploading,
            sig.UploadLimited,
            ItemFailed,
            do=out.told_item_refused,
            why="tried often enough",
            ref="7 5558",
        ),
        row(
            ItemUploading,
            sig.UploadRefused,
            ItemFailed,
            do=out.told_item_refused,
            why="too large, or not allowed",
            ref="7 5501",
        ),
        row(
            ItemUploading,
            sig.UploadBlocked,
            ItemUploading,
            make=out.waiting_upload,
            raises=sig.ConnectionRefused,
            why="waits until the link is unblocked",
            ref="D2.9",
        ),
        row(ItemUploading, sig.ItemDue, ItemUploading, make=out.waiting_upload, why="the pause is over", ref="7"),
    )


def _posts() -> tuple[Row, ...]:
    return rows(
        row(
            ItemAbsent, sig.ItemQueued, ItemPending, make=out.fresh, why="its id is born when the user acts", ref="D2.7"
        ),
        row(
            ItemPending,
            sig.SendSlot,
            ItemSending,
            when=out.may_post,
            make=out.sending,
            why="the head of the queue",
            ref="D2.8",
        ),
        ignore(ItemPending, sig.SendSlot, "no chat yet, or the link is blocked: the queue waits"),
        row(ItemPending, sig.ItemDue, ItemPending, make=out.pending, why="the pause is over", ref="7"),
        row(
            ItemSending,
            sig.PostAccepted,
            ItemSent,
            when=out.is_disconnect,
            do=out.told_sent,
            raises=sig.DisconnectSent,
            why="the server has it",
            ref="6.2",
        ),
        row(
            ItemSending,
            sig.PostAccepted,
            ItemSent,
            when=out.resets_idle_timer,
            do=out.told_sent,
            raises=sig.CustomerActed,
            why="the server has it, and its idle timer starts anew",
            ref="6.1",
        ),
        row(ItemSending, sig.PostAccepted, ItemSent, do=out.told_sent, why="the server has it", ref="1.2 E6"),
        row(ItemSending, sig.PostPostponed, ItemPending, make=out.pausing, why="certainly not processed", ref="7"),
        row(
            ItemSending,
            sig.PostDoubted,
            ItemPending,
            when=out.is_repeatable,
            make=out.pausing,
            why="harmless twice",
            ref="1.4",
        ),
        row(
            ItemSending,
            sig.PostDoubted,
            ItemFailed,
            when=out.is_traceless,
            do=out.told_unknown,
            why="cannot be proved",
            ref="D2.8",
        ),
        row(
            ItemSending,
            sig.PostDoubted,
            ItemInDoubt,
            make=out.in_doubt,
            why="never resent blindly",
            ref="1.4 E6; 8 F12",
        ),
        row(
            ItemSending,
            sig.PostLimited,
            ItemPending,
            when=out.is_repeatable,
            make=out.pausing,
            why="harmless twice",
            ref="1.4",
        ),
        row(
            ItemSending,
            sig.PostLimited,
            ItemFailed,
            when=out.is_traceless,
            do=out.told_unknown,
            why="cannot be proved",
            ref="D2.8",
        ),
        row(
            ItemSending,
            sig.PostLimited,
            ItemInDoubt,
            when=out.may_repeat_post,
            make=out.in_doubt_again,
            why="never resent blindly, and a few times only",
            ref="7 5500",
        ),
        row(
            ItemSending,
            sig.PostLimited,
            ItemFailed,
            do=out.told_unknown,
            why="tried often enough; the others go on",
            ref="7 5500",
        ),
        row(
            ItemSending,
            sig.PostRefused,
            ItemPending,
            when=out.is_end,
            make=out.pausing,
            why="there is nothing else to be done: tried until the time for ending is over",
            ref="3.1 end: bounded",
        ),
        row(ItemSending, sig.PostRefused, ItemFailed, do=out.told_item_refused, why="the server says no", ref="7"),
        row(
            ItemSending,
            sig.PostBlocked,
            ItemPending,
            make=out.pending,
            raises=sig.ConnectionRefused,
            why="not processed; the queue waits",
            ref="D2.9",
        ),
    )


def _doubts() -> tuple[Row, ...]:
    return rows(
        row(
            ItemInDoubt,
            sig.ItemSettled,
            ItemInDoubt,
            make=out.settled,
            raises=sig.ProofWanted,
            why="it cannot land any more: history proves from now on",
            ref="D2.8",
        ),
        ignore(ItemInDoubt, sig.HistoryProved, "too early: it may still land", when=out.is_unsettled),
        row(
            ItemInDoubt,
            sig.HistoryProved,
            ItemSent,
            when=out.is_done_by_roster,
            do=out.told_sent,
            raises=sig.DisconnectSent,
            why="a disconnect leaves no id, but no agent either",
            ref="D2.8",
        ),
        row(
            ItemInDoubt,
            sig.HistoryProved,
            ItemPending,
            when=out.is_file,
            do=out.blank_message_id,
            make=out.pending,
            why="the log lacks it; a server may choke on a file's message id",
            ref="10 row 18",
        ),
        row(
            ItemInDoubt,
            sig.HistoryProved,
            ItemPending,
            make=out.pending,
            why="the log lacks it: the same id again",
            ref="5; 8 F12",
        ),
        ignore(
            ItemInDoubt, sig.HistoryUnreadable, "not settled; maybe an echo or a receipt comes", when=out.is_unsettled
        ),
        row(
            ItemInDoubt,
            sig.HistoryUnreadable,
            ItemFailed,
            do=out.told_unknown,
            why="there will be no proof",
            ref="D2.8",
        ),
        row(
            _QUEUED,
            sig.EchoReceived,
            ItemSent,
            when=out.resets_idle_timer,
            do=out.told_sent,
            raises=sig.CustomerActed,
            why="it is in the log",
            ref="5",
        ),
        row(
            _QUEUED,
            sig.EchoReceived,
            ItemSent,
            when=out.is_disconnect,
            do=out.told_sent,
            raises=sig.DisconnectSent,
            why="it is in the log",
            ref="6.2",
        ),
        row(_QUEUED, sig.EchoReceived, ItemSent, do=out.told_sent, why="it is in the log", ref="5"),
    )


def _receipts() -> tuple[Row, ...]:
    arrived = (out.told_sent, out.told_delivered)
    read = (out.told_sent, out.told_delivered, out.told_read)
    return rows(
        row(ItemSent, sig.DeliveryConfirmed, ItemDelivered, do=out.told_delivered, why="a party has it", ref="3.1"),
        row(
            _QUEUED,
            sig.DeliveryConfirmed,
            ItemDelivered,
            do=arrived,
            raises=sig.CustomerActed,
            why="a receipt may come before the post's answer, and proves as much",
            ref="5 receipts",
        ),
        ignore(ItemDelivered, sig.DeliveryConfirmed, "another party, or a repeat"),
        row(
            ItemSent,
            sig.ReadConfirmed,
            ItemRead,
            do=(out.told_delivered, out.told_read),
            why="read implies delivered",
            ref="3.1",
        ),
        row(ItemDelivered, sig.ReadConfirmed, ItemRead, do=out.told_read, why="a party has seen it", ref="3.1"),
        row(
            _QUEUED,
            sig.ReadConfirmed,
            ItemRead,
            do=read,
            raises=sig.CustomerActed,
            why="a receipt may come before the post's answer, and proves as much",
            ref="5 receipts",
        ),
    )


def _ends() -> tuple[Row, ...]:
    return rows(
        row(
            (ItemUploading, ItemPending),
            sig.NothingFound,
            ItemFailed,
            do=out.told_not_sent,
            why="there is no chat to send it to",
            ref="2.4",
        ),
        row(
            _QUEUED,
            sig.SessionOver,
            ItemAbsent,
            when=out.is_end_or_disconnect,
            why="the end has fulfilled it",
            ref="8 F37",
        ),
        row(
            (ItemUploading, ItemPending),
            sig.SessionOver,
            ItemFailed,
            do=out.told_not_sent,
            why="the server never had it",
            ref="8 F14",
        ),
        row(
            (ItemSending, ItemInDoubt),
            sig.SessionOver,
            ItemFailed,
            do=out.told_unknown,
            why="it may have arrived",
            ref="8 F14",
        ),
        row(_ARRIVED, sig.SessionOver, ItemAbsent, why="no receipt will come any more", ref="9"),
    )


def _nothing() -> tuple[Row, ...]:
    late = "an answer for something that is no longer under way"
    receipts = (sig.EchoReceived, sig.DeliveryConfirmed, sig.ReadConfirmed)
    proofs = (sig.HistoryProved, sig.HistoryUnreadable)
    entering = (sig.ItemQueued, sig.FileQueued)
    waits = (sig.ItemDue, sig.ItemSettled)
    everything = (
        *entering,
        sig.SendSlot,
        *_UPLOADS,
        *_POSTS,
        *waits,
        *proofs,
        *receipts,
        sig.NothingFound,
        sig.SessionOver,
    )
    return rows(
        ignore(ItemAbsent, tuple(s for s in everything if s not in entering), "not in the session"),
        ignore((ItemRead, ItemFailed), everything, "it has its outcome"),
        ignore((ItemUploading, *_QUEUED, *_ARRIVED), entering, "in the queue already"),
        ignore((ItemSending, ItemInDoubt, *_ARRIVED), sig.SendSlot, "waits for no turn"),
        ignore((*_QUEUED, *_ARRIVED), _UPLOADS, late),
        ignore((ItemUploading, ItemPending, ItemInDoubt, *_ARRIVED), _POSTS, late),
        ignore((ItemSending, ItemInDoubt, *_ARRIVED), sig.ItemDue, "no pause is running"),
        ignore((ItemUploading, ItemPending, ItemSending, *_ARRIVED), sig.ItemSettled, "not in doubt"),
        ignore((ItemUploading, ItemPending, ItemSending, *_ARRIVED), proofs, "not in doubt"),
        ignore(ItemUploading, receipts, "nothing was sent yet"),
        ignore((ItemSending, ItemInDoubt, *_ARRIVED), sig.NothingFound, "it was sent to a chat that was found"),
        ignore(_ARRIVED, sig.EchoReceived, "known to have arrived"),
    )


MACHINE: Final = Machine(
    name="item",
    attribute="item",
    states=ITEM,
    initial=ItemAbsent,
    terminal=(ItemRead, ItemFailed),
    deadlines={ItemUploading: sig.ItemDue, ItemPending: sig.ItemDue, ItemInDoubt: sig.ItemSettled},
    alphabet=(
        sig.ItemQueued,
        sig.FileQueued,
        sig.SendSlot,
        *_UPLOADS,
        *_POSTS,
        sig.ItemDue,
        sig.ItemSettled,
        sig.EchoReceived,
        sig.DeliveryConfirmed,
        sig.ReadConfirmed,
        sig.HistoryProved,
        sig.HistoryUnreadable,
        sig.NothingFound,
        sig.SessionOver,
    ),
    rows=(*_uploads(), *_posts(), *_doubts(), *_receipts(), *_ends(), *_nothing()),
)
