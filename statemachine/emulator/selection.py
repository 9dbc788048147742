"""The scenario and the knobs of each chat, by its appId.

An appId that is the name of a scenario gets that scenario; any other the centre's own. Knobs are the centre's, then
those of the scenario, then what was set since for all, then what was set for this appId.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from statemachine.emulator.chat import Chat
from statemachine.emulator.knobs import Knobs, from_settings
from statemachine.emulator.state import CentreState, Records, arm
from statemachine.emulator.steps import Scenario

# Scenarios, and app ids with settings of their own; the control API could otherwise fill the memory.
_KEPT: Final = 1_000


class Selection:
    """The centre as the chats of each appId and scenario see it."""

    def __init__(self, knobs: Knobs, scenario: Scenario, scenarios: Mapping[str, Scenario]) -> None:
        self.records: Final = Records()
        self.scenario = scenario
        self.scenarios: Final = dict(scenarios)
        self._knobs: Final = knobs
        self._settings: dict[str, dict[str, object]] = {}
        self._selection: dict[tuple[str, int], CentreState] = {}

    def of_app(self, app_id: str) -> CentreState:
        """The scenario and knobs of new chats of this appId."""
        return self._view(app_id, self.scenarios.get(app_id, self.scenario))

    def of_chat(self, chat: Chat) -> CentreState:
        """The scenario and knobs of this chat."""
        return self._view(chat.key.app_id, chat.scenario)

    def add(self, scenario: Scenario) -> None:
        """From now on there is this scenario, under its name. Raises ValueError beyond a thousand."""
        if scenario.name not in self.scenarios and len(self.scenarios) >= _KEPT:
            raise ValueError(f"there are {_KEPT} scenarios: use one of their names")
        self.scenarios[scenario.name] = scenario

    def set(self, settings: Mapping[str, object], app_id: str = "") -> None:
        """Turn knobs, for all or for one appId. Raises ValueError, before anything has changed."""
        wanted = {**self._settings.get(app_id, {}), **settings}
        from_settings(wanted)
        if app_id not in self._settings and len(self._settings) >= _KEPT:
            raise ValueError(f"knobs of {_KEPT} app ids have been set: use some of them again")
        self._settings[app_id] = wanted
        old, self._selection = self._selection, {}
        for key, view in old.items():
            renewed = self._view(key[0], view.scenario)
            if renewed.knobs.faults == view.knobs.faults:
                renewed.faults = view.faults  # those that struck have struck

    def _view(self, app_id: str, scenario: Scenario) -> CentreState:
        # By identity: of two scenarios of one name, old chats may still go through the older one.
        key = (app_id if app_id in self._settings else "", id(scenario))
        view = self._selection.get(key)
        if view is None:
            view = self._selection[key] = self._made(key[0], scenario)
            if len(self._selection) > 2 * _KEPT:
                del self._selection[next(iter(self._selection))]
        return view

    def _made(self, app_id: str, scenario: Scenario) -> CentreState:
        knobs = self._knobs
        for settings in (scenario.knobs, self._settings.get("", {}), self._settings.get(app_id, {}) if app_id else {}):
            if settings:
                knobs = from_settings(settings, knobs)
        return CentreState(knobs, scenario, self.records, [arm(fault) for fault in knobs.faults])
