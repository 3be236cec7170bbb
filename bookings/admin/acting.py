"""Actions of staff: choose rows, give a reason on a page of its own, get a report for each row.

The rows are never edited here: each action calls the verb that pages and sweep call as well.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from bookings import database_time, staff_acts
from bookings.admin.base import KeptAdmin, M, ReadOnlyAdmin
from bookings.forms.actions import ReasonForm
from bookings.states import Actor, ActorKind, TransitionNotAllowed

AT_ONCE = 100
"""Rows of one action: more would not be read before they are decided."""


@dataclass(frozen=True)
class StaffAction:
    """`run(row, actor=, now=, details=)` calls the verb and returns a sentence of what it did;
    `refusal` says why a row cannot be acted on now, before anybody fills in the form."""

    name: str
    label: str
    effect: str
    run: Callable[..., str]
    form: type[ReasonForm] = ReasonForm
    refusal: Callable[[Any, Actor, datetime], str] = field(default=lambda row, actor, now: "")
    has_no_history: bool = False
    """It changes a row and nothing else, so it is noted as an act in the same transaction."""


def runs(verb: Callable[..., object], done: str) -> Callable[..., str]:
    """For a verb that takes what the form asked for; `done` is said of it afterwards."""

    def run(row: Any, *, actor: Actor, now: datetime, details: dict[str, Any]) -> str:
        verb(row.pk, actor=actor, now=now, **details)
        return done

    return run


def refused_as(
    refusal: Callable[[Any, Actor, datetime], TransitionNotAllowed | None],
) -> Callable[[Any, Actor, datetime], str]:
    """The sentence of a rule that refuses; empty where none does."""

    def say(row: Any, actor: Actor, now: datetime) -> str:
        refused = refusal(row, actor, now)
        return refused.sentence if refused else ""

    return say


class WithActions(KeptAdmin[M]):
    """An admin with actions for its rows."""

    staff_actions: Sequence[StaffAction] = ()
    change_form_template = "admin/bookings/acting_change_form.html"

    def has_act_permission(self, request: HttpRequest) -> bool:
        right = f"{self.opts.app_label}.change_{self.opts.model_name}"
        return bool(request.user.has_perm(right))

    def row_name(self, row: M) -> str:
        """How a report names the row."""
        return str(row)

    def row_detail(self, row: M) -> str:
        """What a person wants to read again before acting."""
        return ""

    def row_currency(self, row: M) -> str:
        return str(getattr(row, "currency", ""))

    def form_facts(self, row: M) -> dict[str, Any]:
        """What a form about this one row has to know."""
        return {"currency": self.row_currency(row)}

    def get_urls(self) -> list[URLPattern]:
        act = self.admin_site.admin_view(self.act)
        name = f"{self.opts.app_label}_{self.opts.model_name}_act"
        return [path("act/<slug:name>/", act, name=name), *super().get_urls()]

    def get_actions(self, request: HttpRequest, action_location: Any = None) -> dict[str, Any]:
        """In lists only: the page of a row has its own buttons. Django 6.1 asks for both places."""
        asked = {} if action_location is None else {"action_location": action_location}
        actions = super().get_actions(request, **asked)
        is_list = getattr(action_location, "name", "CHANGE_LIST") == "CHANGE_LIST"
        if is_list and self.has_act_permission(request):
            actions |= {a.name: (_chooser(a), a.name, f"{a.label}…") for a in self.staff_actions}
        return actions

    def act_url(self, action: StaffAction, ids: Sequence[Any]) -> str:
        url = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_act", args=[action.name])
        return f"{url}?ids={','.join(map(str, ids))}"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """The row's page with a button for what may be done now."""
        row = self.get_object(request, object_id)
        offered = self._offered(request, row) if row else []
        context = {"staff_actions": offered, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def _offered(self, request: HttpRequest, row: M) -> list[dict[str, str]]:
        if not self.has_act_permission(request):
            return []
        actor, now = _actor(request), database_time.now()
        return [
            {"label": action.label, "url": self.act_url(action, [row.pk])}
            for action in self.staff_actions
            if not action.refusal(row, actor, now)
        ]

    def act(self, request: HttpRequest, name: str) -> HttpResponse:
        """GET asks for the reason, POST acts."""
        action = next((a for a in self.staff_actions if a.name == name), None)
        if action is None:
            raise Http404("No such action.")
        if not self.has_act_permission(request):
            raise PermissionDenied
        rows = self._chosen(request)
        if not rows:
            messages.warning(request, "Choose at least one row.")
            return redirect(self._list_url())
        facts = self.form_facts(rows[0]) if len(rows) == 1 else {}
        form = action.form(request.POST or None, **facts)
        if request.method != "POST" or not form.is_valid():
            return self._ask(request, action, rows, form)
        return self._run(request, action, rows, form)

    def _chosen(self, request: HttpRequest) -> list[M]:
        given = (request.POST if request.method == "POST" else request.GET).get("ids", "")
        ids = [part for part in given.split(",") if part.isascii() and part.isdecimal()]
        fitting = [int(part) for part in ids[:AT_ONCE] if len(part) < 19]
        return list(self.get_queryset(request).filter(pk__in=fitting).order_by("pk"))

    def _ask(
        self, request: HttpRequest, action: StaffAction, rows: list[M], form: ReasonForm
    ) -> HttpResponse:
        actor, now = _actor(request), database_time.now()
        context = {
            **self.admin_site.each_context(request),
            "title": action.label,
            "opts": self.opts,
            "action": action,
            "ids": ",".join(str(row.pk) for row in rows),
            "rows": [
                (self.row_name(row), action.refusal(row, actor, now), self.row_detail(row))
                for row in rows
            ],
            "form": form,
            "back": self._back_url(rows),
        }
        status = 422 if form.errors else 200
        return TemplateResponse(request, "admin/bookings/act.html", context, status=status)

    def _run(
        self, request: HttpRequest, action: StaffAction, rows: list[M], form: ReasonForm
    ) -> HttpResponseRedirect:
        """One row after the other; a refused one does not stop the next."""
        details = dict(form.cleaned_data)
        actor = _actor(request, details.pop("request_key"))
        for row in rows:
            name = self.row_name(row)
            try:
                done = self._run_one(request, action, row, actor, details)
            except TransitionNotAllowed as refused:
                messages.error(request, f"{name}: {refused.sentence}")
            else:
                messages.success(request, f"{name}: {done}")
        return HttpResponseRedirect(self._back_url(rows))

    def _run_one(
        self,
        request: HttpRequest,
        action: StaffAction,
        row: M,
        actor: Actor,
        details: dict[str, Any],
    ) -> str:
        """A verb that writes into a booking's history is in the list of what staff did by that."""
        together = transaction.atomic() if action.has_no_history else nullcontext()
        with together, staff_acts.watching() as noted:
            done = action.run(row, actor=actor, now=database_time.now(), details=details)
            if not noted:
                self.note_act(request, row, action.label, details["reason"])
            told = f"{action.label}: {details['reason']}"
            admin.ModelAdmin.log_change(self, request, row, told)
        return done

    def _back_url(self, rows: list[M]) -> str:
        if len(rows) != 1:
            return self._list_url()
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        return reverse(name, args=[rows[0].pk])

    def _list_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")


class ActingAdmin(WithActions[M], ReadOnlyAdmin[M]):
    """An admin whose rows change by actions only."""


def _actor(request: HttpRequest, request_key: str = "") -> Actor:
    return Actor(ActorKind.STAFF, request.user.pk, request_key)


def _chooser(action: StaffAction) -> Any:
    """What Django calls for the rows chosen in a list: on to the page that asks for the reason."""

    def choose(
        acting: WithActions[Any], request: HttpRequest, queryset: QuerySet[Any]
    ) -> HttpResponse:
        ids = list(queryset.order_by("pk").values_list("pk", flat=True)[: AT_ONCE + 1])
        if len(ids) > AT_ONCE:
            messages.warning(request, f"Only the first {AT_ONCE} rows are taken.")
        return redirect(acting.act_url(action, ids[:AT_ONCE]))

    return choose
