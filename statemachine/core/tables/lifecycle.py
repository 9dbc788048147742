"""The lifecycle: the stage of a chat session, and what each event means in it.

Theory of operation
===================

A session begins `idle`. `RequestChat` or `Reattach` leads to `requesting` while the machine `opening` searches for a chat
id, or straight to `establishing` where the application names the chat. From there the server reports the stage:
`ivr`, `queued`, `connecting`, `connected`; an agent on the roster makes it `agent_joined`. When the last agent leaves, or
our disconnect has arrived, the conversation is over and the session is not: `wrapping_up`. `End` leads to `ending`, where
only the end counts. Four states are terminal, and nothing leaves them: `ended`, `failed`, `timed_out`, `gone`.

Four kinds of events arrive here. *Local intents* are the only ones that may be rejected; one whose wish is fulfilled
already is ignored. *Server entries* arrive one by one, live or from the log; a `Status` arrives as a signal named after
its value. *Signals* come from the machines `opening` and `item`. *Deadlines* end `requesting` and `ending`, and expire
typing and forms.

Terminal entries (TERMINAL_ENTRIES) wait for the last entry of their batch: the first one is noted, the later ones are
ignored, and the noted one is handled at the end of the batch. `ChatGone` comes from an answer and acts at once. Every
row that enters a terminal state also does and raises what ENTRY says: it reports the outcome, clears what was open, and
raises `SessionOver`, on which all other machines stop.

Conflicts between what the server reports, and how they are settled:

* `queued` while an agent is present is a transfer: queued again, and the roster stays;
* `connecting` or `connected` after an agent has joined changes nothing;
* `ivr` after a conversation means that the conversation is over: `wrapping_up`;
* a disconnect before any agent has joined is sent as `end`;
* after the end, late transcript entries are still reported, marked as late, and get no receipt.
"""

from __future__ import annotations

from typing import Final

from .. import events as ev
from .. import signals as sig
from .. import states as s
from .. import wire
from ..actions import conversation as conv
from ..actions import ephemeral as eph
from ..actions import memory
from ..actions import opening as op
from ..actions import outgoing as out
from ..actions import participants as part
from ..table import STAY, Entry, Machine, arc, ignore, reject, rows, with_entry

# --- states -----------------------------------------------------------------------------------------------------------

LIVE: Final = s.LIVE
TERMINAL: Final = s.TERMINAL
WAITING: Final = (s.Idle, s.Requesting)
"""No chat yet."""
OPEN: Final = (*LIVE, s.Ending)
"""The server still sends entries."""
SENDING: Final = (s.Requesting, *LIVE)
"""The application may send."""
TALKING: Final = (s.Connected, s.AgentJoined)
BEFORE_AGENT: Final = (s.Establishing, s.Ivr, s.Queued, s.Connecting)
NO_AGENT: Final = (*BEFORE_AGENT, s.Connected, s.WrappingUp)
"""Live, and no agent has joined, or the last one has left."""

_CLOSE: Final = (part.clear_participants, eph.drop_ephemeral)
ENTRY: Final = {
    s.Ended: Entry((conv.report_outcome, *_CLOSE), (sig.SessionOver,)),
    s.Failed: Entry((conv.report_outcome_with_code, *_CLOSE), (sig.SessionOver,)),
    s.TimedOut: Entry((conv.report_outcome_with_text, *_CLOSE), (sig.SessionOver,)),
    s.Gone: Entry((conv.report_outcome_with_code, *_CLOSE), (sig.SessionOver,)),
}

# --- events -----------------------------------------------------------------------------------------------------------

BEGIN: Final = (ev.RequestChat, ev.Reattach)
SEND: Final = (ev.SendText, ev.SendEntry, ev.SendFile, ev.AnswerForm, ev.AnswerSecureForm, ev.CancelForm)
ANSWER: Final = (ev.AnswerForm, ev.AnswerSecureForm, ev.CancelForm)
SIGNALS_OUT: Final = (ev.StartTyping, ev.StopTyping, ev.MarkDelivered, ev.MarkRead)
OPENED: Final = (sig.NewChatOpened, sig.ExistingChatOpened, sig.NoChatOpened, sig.ChatRefused)
# fmt: off
STATUSES: Final = (
    sig.StatusEstablishing, sig.StatusIvr, sig.StatusQueued, sig.StatusConnecting, sig.StatusConnected,
    sig.StatusOther,
)
# fmt: on
TERMINAL_ENTRIES: Final = (wire.SessionEnded, wire.InactivityTimeout, sig.StatusCompleted, sig.StatusFailed)
TERMINAL_SIGNALS: Final = (*TERMINAL_ENTRIES, sig.ChatGone)
"""Any one of these suffices (protocol.md 2.2)."""
SPOKEN: Final = (wire.Message, wire.File, wire.Location)
FORMS: Final = (wire.FormShow, wire.SecureFormShow)
# fmt: off
SPECIAL: Final = (
    *SPOKEN, *FORMS, wire.Signaling, wire.CobrowsingRequested, wire.TimeoutWarning, wire.Unknown, wire.Malformed,
)
# fmt: on
PLAIN: Final = tuple([one for one in wire.TRANSCRIPT_ENTRIES if one not in SPECIAL])
"""Transcript entries without rows of their own."""
PLAIN_OWN: Final = tuple([one for one in PLAIN if "party_id" in one.__match_args__])
FORM_CLOSED: Final = (wire.FormDataCancel, wire.SecureFormData, wire.SecureFormCancel)
EXPIRIES: Final = (sig.TypingExpired, sig.OwnTypingExpired, sig.FormExpired)

# --- reasons ----------------------------------------------------------------------------------------------------------

NO_CHAT: Final = "no chat is open yet"
OVER: Final = "the session is over"
NOT_STARTED: Final = "no chat was requested; request one first"
ENDING_STAGE: Final = "the customer has ended; only the end of the session matters now"
NOT_OPENING: Final = "no chat is being opened"
TOO_LONG: Final = "a text in it is longer than the limit of this session (Config.text_limit); shorten it"
ONCE: Final = "reported already, or this version of the API has no receipts"

# fmt: off
ROWS: Final = with_entry(rows(
    # beginning: request a chat, or find one again
    reject(s.Idle, BEGIN, "the origin is missing; give an opaque random text, new for each session", op.lacks_origin),
    reject(s.Idle, BEGIN, TOO_LONG, out.is_too_long),
    arc(s.Idle,       ev.RequestChat,                      op.has_first_text, (op.apply_carryover, out.queue_text), conv.requesting, (sig.ChatRequested, sig.ItemQueued), "the first message waits in the queue and fails visibly", "1.2 E4; 8 F28"),
    arc(s.Idle,       ev.RequestChat,                      (),                op.apply_carryover,                         conv.requesting, sig.ChatRequested,                   "a chat is created",                                      "1.2 E4"),
    arc(s.Idle,       ev.Reattach,                         op.names_chat,     (op.apply_carryover, op.adopt_named_chat),  s.Establishing,  sig.ChatReattached,                  "a history that can be read proves that the chat exists", "5.1"),
    arc(s.Idle,       ev.Reattach,                         (),                op.apply_carryover,                         conv.requesting, sig.SearchRequested,                 "the active chat is searched for",                        "1.2 E5"),
    reject((s.Requesting, *OPEN), BEGIN, "this session has a chat already; use another session"),
    reject(TERMINAL, BEGIN, "the session is over; start a new one, with after=carry_over(this one)"),
    arc(s.Requesting, sig.NewChatOpened,                   (),                op.mark_beginning,                          s.Establishing,  sig.ChatStarted,                     "a new chat has no history",                              "9"),
    arc(s.Requesting, sig.ExistingChatOpened,              (),                (),                                         s.Establishing,  sig.ChatReattached,                  "an existing chat: history first",                        "2.3 step 1; 9"),
    arc(s.Requesting, sig.NoChatOpened,                    (),                (),                                         s.Idle,          sig.NoChatToSendTo,                  "there is no active chat",                                "2.4"),
    arc(s.Requesting, sig.ChatRefused,                     (),                (),                                         conv.refused,    (),                                  "configuration or authorization: waiting does not help",  "7; 8 F27"),
    arc(s.Requesting, sig.TimeLimitReached,                (),                (),                                         conv.gave_up,    (),                                  "no chat was opened in time",                             "8 F27"),
    ignore(s.Ending, sig.NewChatOpened, "a chat found after the end counts as existing"),
    arc(s.Ending,     sig.ExistingChatOpened,              (),                (),                                         STAY,            sig.ChatStarted,                     "now the end can be sent",                                "design 18"),
    arc(s.Ending,     (sig.NoChatOpened, sig.ChatRefused), (),                (),                                         s.Ended,         (),                                  "no chat was opened, so there is none to end",            "design 18"),
    arc(s.Ending,     sig.TimeLimitReached,                conv.end_was_sent, (),                                         s.Ended,         (),                                  "the server has our end; its confirmation need not come", "3.1 end: bounded"),
    arc(s.Ending,     sig.TimeLimitReached,                (),                (),                                         conv.gave_up,    (),                                  "our end could not be delivered in time",                 "3.1 end: bounded"),
    ignore((s.Idle, *LIVE, *TERMINAL), (*OPENED, sig.TimeLimitReached), NOT_OPENING),

    # stages that the server reports
    ignore(s.Establishing, sig.StatusEstablishing, "known already"),
    ignore((s.Ivr, s.Queued, s.Connecting, *TALKING, s.WrappingUp), sig.StatusEstablishing, "a later stage is known already"),
    arc((s.Establishing, s.Queued, s.Connecting),                     sig.StatusIvr,        (),             (),                      s.Ivr,         (), "a scenario runs",                                    "2.1; 9"),
    arc(TALKING,                                                      sig.StatusIvr,        (),             (),                      s.WrappingUp,  (), "a scenario runs again: the conversation is over",    "2.1"),
    ignore((s.Ivr, s.WrappingUp), sig.StatusIvr, "known already"),
    arc(LIVE,                                                         sig.StatusQueued,     (),             (),                      conv.queued,   (), "waiting for an agent, or for another one",           "9"),
    arc((s.Establishing, s.Ivr, s.Queued, s.Connected, s.WrappingUp), sig.StatusConnecting, (),             (),                      s.Connecting,  (), "an agent is reserved",                               "2.1; 9"),
    ignore(s.Connecting, sig.StatusConnecting, "known already"),
    ignore(s.AgentJoined, (sig.StatusConnecting, sig.StatusConnected), "an agent has joined already"),
    arc((*BEFORE_AGENT, s.WrappingUp),                                sig.StatusConnected,  part.has_agent, part.close_prompts,      s.AgentJoined, (), "connected and joined may come in either order",      "2.3 step 4; 10 row 10"),
    arc((*BEFORE_AGENT, s.WrappingUp),                                sig.StatusConnected,  (),             part.close_prompts,      s.Connected,   (), "an agent accepted; the roster will name the agent",  "2.1"),
    ignore(s.Connected, sig.StatusConnected, "known already"),
    arc(LIVE,                                                         sig.StatusOther,      (),             conv.note_unknown_state, STAY,          (), "an open list of values: the last known stage holds", "2.1"),
    ignore(s.Ending, STATUSES, ENDING_STAGE),
    ignore(WAITING, STATUSES, NO_CHAT),
    ignore(TERMINAL, STATUSES, OVER),

    # participants
    arc(NO_AGENT,                      wire.PartyJoined,   part.joins_as_agent, (part.add_party, part.close_prompts), s.AgentJoined, (), "an agent on the roster is a conversation, before any status says so", "9; 10 row 9"),
    arc(OPEN,                          wire.PartyJoined,   (),                  part.add_party,                       STAY,          (), "added to the roster",                                                 "3.1"),
    arc(s.AgentJoined,                 wire.PartyLeft,     part.is_last_agent,  part.remove_party,                    s.WrappingUp,  (), "the conversation is over, the session is not",                        "2.2; 6.3"),
    arc(OPEN,                          wire.PartyLeft,     (),                  part.remove_party,                    STAY,          (), "removed from the roster; tolerated when unknown",                     "8 F33"),
    ignore(WAITING, (wire.PartyJoined, wire.PartyLeft), NO_CHAT),
    ignore(TERMINAL, (wire.PartyJoined, wire.PartyLeft), OVER),
    arc((*BEFORE_AGENT, s.WrappingUp), sig.RosterRead,     part.has_new_agent,  part.close_prompts,                   s.AgentJoined, (), "an agent joined while events were lost",                              "design 11; 10 row 9"),
    arc(s.Connected,                   sig.RosterRead,     part.has_agent,      (),                                   s.AgentJoined, (), "reattached to a conversation: the log names the agent",               "design 11"),
    arc(s.AgentJoined,                 sig.RosterRead,     part.has_no_agent,   (),                                   s.WrappingUp,  (), "the last agent left while events were lost",                          "design 11; 6.3"),
    ignore(LIVE, sig.RosterRead, "known already"),
    ignore(s.Ending, sig.RosterRead, ENDING_STAGE),
    ignore(WAITING, sig.RosterRead, NO_CHAT),
    ignore(TERMINAL, sig.RosterRead, OVER),
    arc(TALKING,                       sig.DisconnectSent, (),                  part.remove_agents,                   s.WrappingUp,  (), "our disconnect ended the conversation",                               "6.2"),
    ignore((*BEFORE_AGENT, s.WrappingUp, s.Ending), sig.DisconnectSent, "no conversation to end"),
    ignore(WAITING, sig.DisconnectSent, NO_CHAT),
    ignore(TERMINAL, sig.DisconnectSent, OVER),

    # the end of the session
    ignore(OPEN, TERMINAL_ENTRIES, "an earlier entry of this batch has fixed the outcome", conv.end_is_noted),
    arc(OPEN,     TERMINAL_ENTRIES,       conv.batch_is_open, conv.note_end, STAY,           (), "applied after the last entry of its batch",               "design 10"),
    arc(OPEN,     wire.SessionEnded,      (),                 (),            s.Ended,        (), "the normal end",                                          "2.2"),
    arc(OPEN,     sig.StatusCompleted,    (),                 (),            conv.completed, (), "the server reports the session as completed",             "2.2; 10 row 21"),
    arc(OPEN,     sig.StatusFailed,       (),                 (),            s.Failed,       (), "the session no longer exists, or no agent was available", "2.1; 2.2"),
    arc(OPEN,     wire.InactivityTimeout, (),                 (),            s.TimedOut,     (), "the server has ended an idle session, warned or not",     "2.2; 6.1"),
    arc(LIVE,     sig.ChatGone,           (),                 (),            s.Gone,         (), "404 or 5005: the server does not know this chat",         "2.4"),
    arc(s.Ending, sig.ChatGone,           (),                 (),            s.Ended,        (), "the chat has ended, as the customer asked",               "9"),
    ignore(WAITING, TERMINAL_SIGNALS, NO_CHAT),
    ignore(TERMINAL, TERMINAL_SIGNALS, "the first terminal signal has fixed the outcome"),

    # transcript entries: reported live, as historic, or late
    arc(OPEN,     SPOKEN,                                     conv.echoes_own_item,    (),                                                   STAY, sig.EchoReceived,    "one of ours came back: it arrived",         "5"),
    arc(OPEN,     SPOKEN,                                     memory.is_own,           conv.report_own,                                      STAY, sig.CustomerActed,   "ours, from another device",                 "5; 8 F33"),
    arc(OPEN,     SPOKEN,                                     conv.is_historic,        conv.report_historic,                                 STAY, (),                  "no receipts for old messages",              "5.1"),
    arc(LIVE,     wire.Message,                               eph.needs_receipt,       (conv.report, part.hide_typing, eph.queue_delivered), STAY, (),                  "reported, and confirmed as delivered once", "3.1; 8 F15"),
    arc(OPEN,     SPOKEN,                                     (),                      (conv.report, part.hide_typing),                      STAY, (),                  "reported",                                  "3.1"),
    arc(OPEN,     FORMS,                                      conv.is_followed_in_log, conv.report_historic,                                 STAY, (),                  "answered already",                          "5.1"),
    arc(LIVE,     FORMS,                                      (),                      (conv.report, part.open_form),                        STAY, (),                  "open until answered",                       "3.2"),
    arc(s.Ending, FORMS,                                      (),                      conv.report,                                          STAY, (),                  "reported, but there will be no answer",     "3.2"),
    ignore(OPEN, wire.Signaling, "our own signal came back", memory.is_own),
    arc(OPEN,     (wire.Signaling, wire.CobrowsingRequested), (),                      conv.report,                                          STAY, (),                  "reported as typed data",                    "3.3; 3.4"),
    arc(OPEN,     wire.TimeoutWarning,                        conv.is_historic,        conv.report_historic,                                 STAY, (),                  "an old warning",                            "5.1"),
    arc(LIVE,     wire.TimeoutWarning,                        conv.is_followed_in_log, conv.report,                                          STAY, (),                  "something came after it in the log",        "6.1"),
    arc(LIVE,     wire.TimeoutWarning,                        (),                      conv.report,                                          STAY, sig.WarningReceived, "reported, and the session is warned",       "6.1"),
    arc(s.Ending, wire.TimeoutWarning,                        (),                      conv.report,                                          STAY, (),                  "reported",                                  "6.1"),
    arc(OPEN,     wire.Unknown,                               conv.is_historic,        (conv.note_unknown, conv.report_historic),            STAY, (),                  "kept raw",                                  "3.0"),
    arc(OPEN,     wire.Unknown,                               (),                      (conv.note_unknown, conv.report),                     STAY, (),                  "kept raw",                                  "3.0; 8 F9"),
    arc(OPEN,     wire.Malformed,                             (),                      (conv.note_malformed, conv.report),                   STAY, (),                  "one bad entry does not affect the others",  "8 F9"),
    ignore(OPEN, PLAIN_OWN, "our own entry came back", memory.is_own),
    arc(OPEN,     PLAIN,                                      conv.is_historic,        conv.report_historic,                                 STAY, (),                  "an old entry",                              "5.1"),
    arc(OPEN,     PLAIN,                                      (),                      conv.report,                                          STAY, (),                  "reported",                                  "3.0"),
    arc(TERMINAL, wire.TRANSCRIPT_ENTRIES,                    (),                      conv.report_late,                                     STAY, (),                  "reported as late, without a receipt",       "9"),
    ignore(WAITING, wire.TRANSCRIPT_ENTRIES, NO_CHAT),

    # receipts, typing, forms, case, service
    arc(OPEN, wire.MessageDelivered,                                    (),               (),                   STAY, sig.DeliveryConfirmed, "a receipt for one of ours",                "3.1; 5"),
    arc(OPEN, wire.MessageRead,                                         (),               (),                   STAY, sig.ReadConfirmed,     "a receipt for one of ours",                "3.1; 5"),
    ignore(OPEN, wire.Typing, "our own typing", part.is_own_typing),
    arc(OPEN, wire.Typing,                                              (),               part.show_typing,     STAY, (),                    "shown until it expires",                   "3.1; 8 F32"),
    arc(OPEN, wire.NotTyping,                                           (),               part.hide_typing,     STAY, (),                    "hidden",                                   "3.1"),
    arc(OPEN, (wire.FormData, wire.Navigation, wire.SessionDisconnect), conv.echoes_item, (),                   STAY, sig.EchoReceived,      "one of ours came back: it arrived",        "3.1; 3.2; 6.2"),
    arc(OPEN, (wire.FormData, *FORM_CLOSED),                            (),               part.close_form,      STAY, (),                    "answered or cancelled from elsewhere",     "3.2"),
    ignore(OPEN, (wire.Navigation, wire.SessionDisconnect), "a client's own event, from earlier"),
    arc(OPEN, wire.CaseSet,                                             (),               part.set_case,        STAY, (),                    "case features on, or off again",           "3.1; 9"),
    arc(OPEN, wire.Info,                                                (),               part.set_service,     STAY, (),                    "the service's name",                       "3.1"),
    arc(OPEN, sig.TypingExpired,                                        (),               part.expire_typing,   STAY, (),                    "a not_typing may never come",              "8 F32"),
    arc(OPEN, sig.OwnTypingExpired,                                     (),               eph.queue_not_typing, STAY, (),                    "the application did not renew its typing", "8 F32"),
    arc(OPEN, sig.FormExpired,                                          (),               part.expire_forms,    STAY, (),                    "hides the form, never ends the session",   "10 row 24"),
    ignore(WAITING, (*wire.STATUS_ENTRIES, *EXPIRIES), NO_CHAT),
    ignore(TERMINAL, (*wire.STATUS_ENTRIES, *EXPIRIES), OVER),
    ignore(s.LIFECYCLE, wire.IGNORED_ENTRIES, "a client's own event: nothing follows from its echo"),

    # sending
    ignore((*SENDING, s.Ending, *TERMINAL), SEND, "accepted already under this key", out.key_is_known),
    reject(SENDING, SEND, "too many items wait to be sent (Config.items_limit); wait for their outcomes", out.queue_is_full),
    reject(SENDING, ev.SendText, "the text is empty; give one", out.is_empty),
    reject(SENDING, SEND, TOO_LONG, out.is_too_long),
    reject(SENDING, ev.SendEntry, "this entry type cannot be sent as it is; use the intent made for it, or only the server sends it", out.is_not_sendable),
    arc(LIVE,    ev.SendText,         out.answers_prompt,    (out.queue_prompt_answer, eph.take_back_typing), STAY, sig.ItemQueued, "a form without a name takes the next text", "3.2; 8 F31"),
    arc(SENDING, ev.SendText,         (),                    (out.queue_text, eph.clear_typing),              STAY, sig.ItemQueued, "one queue out",                             "design 8"),
    arc(SENDING, ev.SendEntry,        (),                    out.queue_entry,                                 STAY, sig.ItemQueued, "one queue out",                             "design 8"),
    arc(SENDING, ev.SendFile,         (),                    out.queue_file,                                  STAY, sig.FileQueued, "uploaded first, then queued",               "1.2 E12"),
    arc(LIVE,    ev.AnswerForm,       part.is_open_form,     out.queue_form_answer,                           STAY, sig.ItemQueued, "one answer for each request",               "8 F31"),
    arc(LIVE,    ev.AnswerSecureForm, part.is_open_form,     out.queue_secure_answer,                         STAY, sig.ItemQueued, "one answer for each request",               "8 F31"),
    arc(LIVE,    ev.CancelForm,       part.is_any_open_form, out.queue_form_cancel,                           STAY, sig.ItemQueued, "one answer for each request",               "8 F31"),
    reject(LIVE, ANSWER, "no such form is open: it was answered, cancelled or has expired"),
    reject(s.Requesting, ANSWER, "no form is open yet; wait until one is shown"),
    reject(s.Idle, SEND, NOT_STARTED),
    reject(s.Ending, SEND, "the session is being ended; wait for its outcome, then request a new one"),
    reject(TERMINAL, SEND, "the session is over; request a new one"),

    # leaving: two intents, never sent together (F30)
    ignore(TALKING, ev.Disconnect, "a disconnect is queued already", out.disconnect_is_queued),
    arc(TALKING,                       ev.Disconnect, (), out.queue_disconnect,                STAY,        sig.ItemQueued,                                    "the conversation ends when the server has it",                         "6.2"),
    arc((s.Requesting, *BEFORE_AGENT), ev.Disconnect, (), (out.queue_end, eph.drop_ephemeral), conv.ending, (sig.EndRequested, sig.ItemQueued, sig.Unblocked), "before any agent it is sent as end",                                   "6.2"),
    ignore(s.WrappingUp, ev.Disconnect, "the conversation is over already"),
    arc(SENDING,                       ev.End,        (), (out.queue_end, eph.drop_ephemeral), conv.ending, (sig.EndRequested, sig.ItemQueued, sig.Unblocked), "takes its place in the queue; a blocked connection gets one more try", "6.2; design 9"),
    reject(s.Idle, (ev.Disconnect, ev.End), NOT_STARTED),
    ignore((s.Ending, *TERMINAL), (ev.Disconnect, ev.End), "the session is ending or over already"),

    # typing, receipts, background, push: best effort, so never rejected
    arc(LIVE,              ev.StartTyping,   eph.announcement_is_due,  eph.queue_typing,                          STAY, (),               "announced, and again every few seconds",                                        "3.1"),
    ignore(LIVE, ev.StartTyping, "announced a moment ago"),
    arc(LIVE,              ev.StopTyping,    eph.typing_is_announced,  eph.queue_not_typing,                      STAY, (),               "the announced typing is taken back",                                            "8 F32"),
    ignore(LIVE, ev.StopTyping, "no typing was announced"),
    arc(LIVE,              ev.MarkDelivered, eph.may_confirm_delivery, (eph.mark_delivered, eph.queue_delivered), STAY, (),               "confirmed by the application, once, where the engine does not do it by itself", "8 F15"),
    ignore(LIVE, ev.MarkDelivered, ONCE),
    arc(LIVE,              ev.MarkRead,      eph.may_confirm_reading,  eph.queue_read,                            STAY, (),               "read is confirmed by the application only, once",                               "8 F15"),
    ignore(LIVE, ev.MarkRead, ONCE),
    ignore(WAITING, SIGNALS_OUT, NO_CHAT),
    ignore((s.Ending, *TERMINAL), SIGNALS_OUT, "nothing is sent after the end"),
    arc((*WAITING, *OPEN), ev.Background,    (),                       (),                                        STAY, sig.Backgrounded, "stop polling after the poll in flight",                                         "4.2; design 9"),
    arc((*WAITING, *OPEN), ev.Foreground,    (),                       (),                                        STAY, sig.Foregrounded, "read the history, then poll",                                                   "4.2; design 9"),
    arc((*WAITING, *OPEN), ev.Reauthorized,  (),                       (),                                        STAY, sig.Unblocked,    "a blocked connection may go on",                                                "4.2; design 9"),
    arc(OPEN,              ev.PushReceived,  conv.is_about_this_chat,  (),                                        STAY, sig.PushAccepted, "read the history once",                                                         "1.2; 4"),
    ignore(OPEN, ev.PushReceived, "about another chat"),
    ignore(WAITING, ev.PushReceived, NO_CHAT),
    ignore(TERMINAL, (ev.Background, ev.Foreground, ev.Reauthorized, ev.PushReceived), OVER),
), ENTRY)
# fmt: on

MACHINE: Final = Machine(
    name="lifecycle",
    states=s.LIFECYCLE,
    initial=s.Idle,
    terminal=TERMINAL,
    rows=ROWS,
    deadlines={s.Requesting: sig.TimeLimitReached, s.Ending: sig.TimeLimitReached},
    rejects=True,
)
