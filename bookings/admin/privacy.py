"""Staff hands out what is known of a person, and erases a follower: each with a reason."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from bookings import database_time, erasing, personal_data
from bookings.admin.base import KeptAdmin, M
from bookings.forms.actions import ReasonForm
from bookings.models import Expert, Follower
from bookings.states import TransitionNotAllowed

WAYS = ("Show as a page", "Download as a file")
GOES = (
    "The name and the e-mail address, in all spellings, and the time zone.",
    "What the follower wrote: answers, reports, objections and messages.",
    "What experts and staff wrote, where it names the follower or repeats their words.",
    "Private links, which stop working at once, and e-mails that wait to be sent.",
    "Messages of the payment provider that name them, and purchases that were not paid.",
)
STAYS = (
    "Each booking with its code, times and states.",
    "Payments and refunds with their amounts and references.",
    "The history of each booking, without the words.",
    "What experts and staff wrote without naming the follower.",
)


class PersonReasonForm(ReasonForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields[
            "reason"
        ].help_text = "Kept in the list of what staff did. Do not name the person."


class PersonDataAdmin(KeptAdmin[M]):
    """A page of a person with buttons that ask for a reason first."""

    change_form_template = "admin/bookings/acting_change_form.html"

    def get_urls(self) -> list[URLPattern]:
        name = f"{self.opts.app_label}_{self.opts.model_name}"
        view = self.admin_site.admin_view
        return [
            path("<int:id>/export/", view(self.export), name=f"{name}_export"),
            path("<int:id>/erase/", view(self.erase), name=f"{name}_erase"),
            *super().get_urls(),
        ]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        row = self.get_object(request, object_id)
        offered = self._offered(request, row) if row is not None else []
        context = {"staff_actions": offered, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)

    def _offered(self, request: HttpRequest, row: M) -> list[dict[str, str]]:
        if not self.has_change_permission(request, row):
            return []
        offered = [{"label": "Export their data", "url": self._url("export", row)}]
        if isinstance(row, Follower):
            offered.append({"label": "Erase", "url": self._url("erase", row)})
        return offered

    def _url(self, name: str, row: M) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_{name}", args=[row.pk])

    def _row(self, request: HttpRequest, pk: int) -> M:
        row = self.get_object(request, str(pk))
        if row is None:
            raise Http404("There is no such person.")
        if not self.has_change_permission(request, row):
            raise PermissionDenied
        return row

    def export(self, request: HttpRequest, id: int) -> HttpResponse | StreamingHttpResponse:
        """GET asks for the reason, POST hands it out."""
        row = self._row(request, id)
        form = PersonReasonForm(request.POST or None)
        if request.method != "POST" or not form.is_valid():
            return self._ask(request, row, form, "Export their data", WAYS)
        self.note_act(request, row, "Exported a person’s data", form.cleaned_data["reason"])
        sections = sections_of(row)
        if "file" in request.POST:
            answer = StreamingHttpResponse(
                personal_data.as_json(sections), content_type="application/json"
            )
            answer["Content-Disposition"] = 'attachment; filename="personal-data.json"'
            return answer
        context = {
            **self.admin_site.each_context(request),
            "title": f"What is known of {row}",
            "opts": self.opts,
            "sections": personal_data.as_page(sections),
        }
        return TemplateResponse(request, "admin/bookings/person_data.html", context)

    def erase(self, request: HttpRequest, id: int) -> HttpResponse:
        row = self._row(request, id)
        if not isinstance(row, Follower):
            raise Http404("Only followers are erased.")
        form, now = PersonReasonForm(request.POST or None), database_time.now()
        refused = erasing.refusal(row, now=now)
        if request.method != "POST" or refused or not form.is_valid():
            return self._ask(request, row, form, "Erase", ("Erase for good",), refused=refused)
        try:
            erasure = erasing.begin(
                row.pk, by=request.user.pk, reason=form.cleaned_data["reason"], now=now
            )
        except TransitionNotAllowed as no:
            form.add_error("reason" if no.code == "names" else None, no.sentence)
            return self._ask(request, row, form, "Erase", ("Erase for good",))
        is_done = erasing.go_on(erasure.pk, now=now, seconds=5)
        rest = "" if is_done else " The rest is done in the background."
        messages.success(
            request, f"Erased.{rest} Now erase the person at the payment provider, too."
        )
        return redirect(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    def _ask(
        self,
        request: HttpRequest,
        row: M,
        form: PersonReasonForm,
        title: str,
        buttons: tuple[str, ...],
        *,
        refused: str = "",
    ) -> HttpResponse:
        is_erasing = title == "Erase"
        context = {
            **self.admin_site.each_context(request),
            "title": title,
            "opts": self.opts,
            "row": row,
            "form": form,
            "buttons": buttons,
            "refused": refused,
            "goes": GOES if is_erasing else (),
            "stays": STAYS if is_erasing else (),
            "back": reverse(
                f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[row.pk]
            ),
        }
        status = 422 if form.errors else 409 if refused and request.method == "POST" else 200
        return TemplateResponse(request, "admin/bookings/person.html", context, status=status)


def sections_of(row: Any) -> list[personal_data.Section]:
    if isinstance(row, Expert):
        return personal_data.of_expert(row)
    return personal_data.of_follower(row)
