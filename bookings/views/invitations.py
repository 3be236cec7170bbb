"""The page behind the link of an invitation: from an e-mail to an expert's first service."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from bookings import addresses, database_time, invitations, signing_in
from bookings.invitations import Opened, Over
from bookings.models import InvitationState, User
from bookings.plain_text import has_link, person_name
from bookings.views.pick import device_of
from bookings.views.setup import NewExpertForm, NewPasswordField, check_new_password

TRY_AGAIN = "This did not work, because something changed at the same moment. Please try again."


class NewAccountForm(NewExpertForm):
    password = NewPasswordField()

    def __init__(self, *args: Any, email: str, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.email = email

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        check_new_password(self, User(email=self.email, first_name=data.get("name", "")))
        return data


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "HEAD", "POST"])
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Looking changes nothing; the button makes the expert."""
    opened = invitations.open_link(token, now=database_time.now())
    if opened is None:
        raise Http404("No such invitation.")
    if not opened.is_live():
        return _over(request, opened)
    account = opened.account
    if account is not None and request.user != account:
        status = 403 if request.method == "POST" else 200
        return _page(request, opened, status=status)
    form = _form(request, opened, account)
    if not form.is_valid():
        return _page(request, opened, form=form, status=422 if form.is_bound else 200)
    try:
        expert = invitations.accept(
            opened,
            name=form.cleaned_data["name"],
            password=form.cleaned_data.get("password", ""),
            account=account,
            zone=device_of(request),
        )
    except Over:
        return _lost(request, token, form)
    messages.success(
        request,
        f"Welcome, {expert.first_name}. You can be booked from Monday to Friday, 9 to 5, until you "
        "change that under Availability. Add what you sell first.",
    )
    if account is None:
        return signing_in.begin(request, expert.user, to=reverse("add_service"), is_new=True)
    return redirect("add_service")


def _form(request: HttpRequest, opened: Opened, account: User | None) -> NewExpertForm:
    data = request.POST if request.method == "POST" else None
    known = opened.invitation.name or (account.get_full_name() if account else "")
    name = person_name(known)
    initial = {"name": "" if has_link(name) else name}
    if account is not None:
        return NewExpertForm(data, initial=initial)
    return NewAccountForm(data, initial=initial, email=opened.invitation.email)


def _lost(request: HttpRequest, token: str, form: NewExpertForm) -> HttpResponse:
    """Somebody was faster: with this link, or with the address or the name."""
    opened = invitations.open_link(token, now=database_time.now())
    if opened is None or not opened.is_live():
        return _over(request, opened) if opened else redirect("start")
    form.add_error(None, TRY_AGAIN)
    return _page(request, opened, form=form, status=409)


def _page(
    request: HttpRequest, opened: Opened, *, form: NewExpertForm | None = None, status: int = 200
) -> HttpResponse:
    """Without a form it asks to sign in."""
    context = {
        "form": form,
        "email": opened.invitation.email,
        "inviter": opened.invitation.inviter_name,
        "has_account": opened.account is not None,
    }
    return render(request, "accounts/invitation.html", context, status=status)


def _over(request: HttpRequest, opened: Opened) -> HttpResponse:
    """What happened, and whom to ask."""
    account = opened.account
    is_expert = account is not None and invitations.has_expert(account)
    context = {
        "happened": _happened(opened, is_expert=is_expert),
        "is_expert": is_expert,
        "is_theirs": request.user == account,
        "ask": _whom_to_ask(opened),
        "email": opened.invitation.email,
    }
    return render(request, "accounts/invitation_over.html", context, status=410)


def _happened(opened: Opened, *, is_expert: bool) -> str:
    if opened.state == InvitationState.ACCEPTED:
        return "This invitation was accepted already, and its link works once."
    if is_expert:
        return f"There is an expert with the address {opened.invitation.email} already."
    if opened.state == InvitationState.REVOKED:
        return "This invitation was taken back."
    if opened.is_superseded:
        return "A newer e-mail with this invitation was sent to you, and only its link works."
    if opened.state == InvitationState.EXPIRED:
        return "This invitation was not accepted in time."
    return f"The account of {opened.invitation.email} is switched off."


def _whom_to_ask(opened: Opened) -> dict[str, str]:
    """The address of the site's staff, else of whoever invited them."""
    inviter = opened.invitation.invited_by
    staff = list(settings.STAFF_EMAIL[:1]) or ([inviter.email] if inviter else [])
    name = opened.invitation.inviter_name or f"the staff of {settings.SITE_NAME}"
    if not staff:
        return {"name": name, "mailto": ""}
    subject = f"My invitation to {settings.SITE_NAME}"
    return {"name": name, "mailto": addresses.mailto(staff[0], subject)}


urlpatterns: list[URLPattern] = [
    path("invitation/<str:token>/", invitation, name="invitation"),
]
