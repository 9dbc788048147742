"""A form filled in question by question, for messengers that cannot show forms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from .errors import BadSetting
from .sending import Sending
from .session import ChatSession


class Questions:
    """Collects the answer to one field after the other; the last answer sends the form.

    A plain prompt (a form without a name) does not need this class: the next text is its answer.

    Args:
        session: The chat.
        form_request_id: Of its `FormShow`.
        fields: The names of its fields, in order; `ContactCentre.configuration` has those of a form.
    """

    def __init__(self, session: ChatSession, form_request_id: str, fields: Iterable[str]) -> None:
        self._session: Final = session
        self._form: Final = form_request_id
        self._fields: Final = tuple(fields)
        self._answers: Final[dict[str, object]] = {}
        if not self._fields or len(set(self._fields)) < len(self._fields):
            raise BadSetting(f"questions: a form has fields of different names, not {self._fields!r}")

    def __repr__(self) -> str:
        return f"<Questions {self._form!r}, {len(self._answers)} of {len(self._fields)} answered>"

    @property
    def asked(self) -> str | None:
        """The next field to answer; None when all are answered."""
        return next((name for name in self._fields if name not in self._answers), None)

    async def answer(self, value: object) -> Sending | None:
        """Answer the next field. The last answer sends the form.

        Where sending fails, the last answer is dropped, and can be given again.

        Args:
            value: For the field.

        Returns:
            The form on its way, after the last answer; else None.

        Raises:
            BadSetting: All fields were answered before; and what `ChatSession.answer_form` raises.
        """
        name = self.asked
        if name is None:
            raise BadSetting("questions: all of them are answered, and the form was sent")
        self._answers[name] = value
        if self.asked is not None:
            return None
        try:
            return await self._session.answer_form(self._form, self._answers)
        except BaseException:
            del self._answers[name]
            raise

    def back(self) -> None:
        """Drop the last answer."""
        if self._answers:
            self._answers.popitem()
