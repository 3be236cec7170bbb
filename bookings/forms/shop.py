"""What an expert sells, and how they present themselves: for their own pages and for staff."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, ClassVar

from babel.core import Locale, get_global
from babel.numbers import get_territory_currencies, list_currencies
from django import forms

from bookings import photos, shop
from bookings.formats import read_money, typed_money
from bookings.forms.fields import LineField, NameField, ParagraphsField, Styled
from bookings.gateways import is_counted_alike, selling_with, why_not
from bookings.models import Expert, PlaceKind, Service, longest
from bookings.shop import MOST_QUESTIONS

NOT_AN_AMOUNT = "Write the price as an amount, such as 25.00, or 0 for a free call."
SMALLEST_PRICE = 50
"""In minor units. Providers refuse smaller payments, whose fees would be higher than the price."""
LONGEST_QUESTION = 120
TAKEN = "You already have a service with this title."
SOMEBODY_ELSES = "Somebody else has this address. Choose another one."
NOWHERE = {
    PlaceKind.ADDRESS: "Write the link or the address at which you meet.",
    PlaceKind.CALL_EXPERT: "Write the telephone number that the buyer calls.",
}


class PricedForm(forms.ModelForm[Service]):
    """Money is typed as money. Price and currency are checked together: an amount has as many
    decimals as its currency."""

    price = forms.CharField(
        max_length=30,
        help_text="Such as 25.00. Write 0 if it is free.",
        error_messages={"required": NOT_AN_AMOUNT},
        widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        service = self.instance
        if service.pk and service.price_minor is not None:
            shown = typed_money(service.price_minor, service.currency)
            self.initial.setdefault("price", shown)

    def clean_title(self) -> str:
        """An expert's titles differ, which the database enforces as well."""
        title = str(self.cleaned_data["title"])
        others = Service.objects.filter(expert_id=self.instance.expert_id)
        if others.filter(title=title).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(TAKEN)
        return title

    def clean_currency(self) -> str:
        currency = str(self.cleaned_data["currency"]).upper()
        if currency not in list_currencies():
            raise forms.ValidationError("Write a currency by its three letters, such as EUR.")
        return currency

    def clean(self) -> dict[str, Any]:
        """A call is not put on sale when nobody could pay for it or know where it takes place."""
        data = super().clean() or self.cleaned_data
        service = self.instance
        kind = data.get("place_kind") or service.place_kind
        place = data.get("place", service.place)
        if kind in NOWHERE and not place and "place" not in self.errors:
            self.add_error("place", NOWHERE[PlaceKind(kind)])
        currency = data.get("currency") or service.currency
        if data.get("price") is not None and data.get("currency"):
            self._read_price(data["price"], currency)
        if service.price_minor and data.get("is_active", service.is_active) and not self.errors:
            refusals = [why_not(way, service.price_minor, currency) for way in selling_with()]
            if refusals and all(refusals):
                self.add_error("currency", " ".join(refusals))
        return data

    def _read_price(self, typed: str, currency: str) -> None:
        minor = read_money(typed, currency)
        if minor is None:
            self.add_error("price", NOT_AN_AMOUNT)
        elif 0 < minor < SMALLEST_PRICE:
            least = typed_money(SMALLEST_PRICE, currency)
            self.add_error("price", f"Write at least {least}, or 0 for a free call.")
        else:
            self.instance.price_minor = minor


def _question(number: int) -> LineField:
    return LineField(label=f"Question {number}", required=False, max_length=LONGEST_QUESTION)


def _box() -> forms.BooleanField:
    return forms.BooleanField(label="Must be answered", required=False)


class QuestionedForm(forms.ModelForm[Service]):
    """The questions to the buyer, each with a box that says whether it must be answered."""

    question_0, is_required_0 = _question(1), _box()
    question_1, is_required_1 = _question(2), _box()
    question_2, is_required_2 = _question(3), _box()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for number, question in enumerate(self.instance.asked[:MOST_QUESTIONS]):
            self.initial.setdefault(f"question_{number}", question.text)
            self.initial.setdefault(f"is_required_{number}", question.is_required)

    @property
    def questions(self) -> list[tuple[forms.BoundField, forms.BoundField]]:
        """Each question with the box that says whether it must be answered."""
        return [
            (self[f"question_{number}"], self[f"is_required_{number}"])
            for number in range(MOST_QUESTIONS)
        ]

    def clean(self) -> dict[str, Any]:
        data = super().clean() or self.cleaned_data
        asked = [
            {"text": text, "is_required": bool(data.get(f"is_required_{number}"))}
            for number in range(MOST_QUESTIONS)
            if (text := data.get(f"question_{number}"))
        ]
        texts = [question["text"] for question in asked]
        if len(set(texts)) < len(texts):
            self.add_error("question_0", "Two of your questions are the same.")
        if any("question" in name or "required" in name for name in self.changed_data):
            self.instance.questions = asked
        return data


class ServiceForm(Styled, QuestionedForm, PricedForm):
    """The form an expert edits a service with."""

    title = LineField(
        max_length=longest(Service, "title"),
        help_text="What the call is about, such as Portfolio review.",
        error_messages={"required": "Write a title."},
    )
    duration_minutes = forms.IntegerField(
        label="Length in minutes",
        min_value=Service.LEAST_MINUTES,
        max_value=Service.MOST_MINUTES,
        error_messages={"required": "Write how many minutes the call lasts."},
    )
    currency = forms.ChoiceField(
        label="Currency",
        help_text="The currency that buyers pay in.",
        error_messages={
            "required": "Choose the currency.",
            "invalid_choice": "Choose a currency from the list.",
        },
    )
    description = ParagraphsField(
        required=False,
        max_length=longest(Service, "description"),
        rows=4,
        help_text="What you will talk about, and what the buyer takes away from it.",
    )
    place_kind = forms.ChoiceField(
        label="Where the call takes place",
        choices=PlaceKind.choices,
        widget=forms.RadioSelect,
        error_messages={
            "required": "Choose where the call takes place.",
            "invalid_choice": "Choose one of the places.",
        },
    )
    place = LineField(
        label="Link, address or telephone number",
        required=False,
        max_length=longest(Service, "place"),
        help_text="Buyers see a link or a telephone number only after they have booked. A street "
        "address, such as that of a café, is shown to everybody.",
    )
    is_active = forms.BooleanField(
        label="Shown on your public page",
        required=False,
        help_text="Nobody can book a hidden service. Calls that are already booked take place.",
    )

    class Meta:
        model = Service
        fields: ClassVar[tuple[str, ...]] = (
            "title", "description", "duration_minutes", "currency", "place_kind", "place",
            "is_active",
        )  # fmt: skip

    field_order = (
        "title", "description", "duration_minutes", "price", "currency", "place_kind", "place",
    )  # fmt: skip

    def __init__(self, *args: Any, expert: Expert, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.instance.expert = expert
        offered = currencies()
        if not self.instance.pk:
            usual: dict[str, Any] = {"currency": usual_currency(expert), "duration_minutes": 30}
            for name, value in usual.items():
                self.initial[name] = self.initial.get(name) or value
            self.instance.position = shop.last_position(expert)
        elif self.instance.currency not in [code for code, _ in offered]:
            offered = [(self.instance.currency, self.instance.currency), *offered]
        self.fields["currency"].choices = offered  # type: ignore[attr-defined]


def currencies() -> list[tuple[str, str]]:
    """Code and name of each currency that somebody can pay in here, sorted by name."""
    return _currencies(tuple(selling_with()))


@lru_cache(maxsize=8)
def _currencies(ways: tuple[str, ...]) -> list[tuple[str, str]]:
    names = Locale("en").currencies
    used = {
        currency
        for territory in get_global("territory_currencies")
        for currency in get_territory_currencies(territory)
    }
    can_be_paid = [
        currency
        for currency in used
        if not ways or any(is_counted_alike(way, currency) for way in ways)
    ]
    return sorted(
        ((currency, f"{names[currency]} ({currency})") for currency in can_be_paid),
        key=lambda choice: choice[1],
    )


def usual_currency(expert: Expert) -> str:
    """The currency they sold in last, or else that of the country of their time zone."""
    last = Service.objects.of_expert(expert).order_by("-pk").values_list("currency", flat=True)
    offered = dict(currencies())
    if last and last[0] in offered:
        return str(last[0])
    territory = get_global("zone_territories").get(expert.time_zone, "")
    of_country = get_territory_currencies(territory) if territory else []
    return next((one for one in of_country if one in offered), "USD")


# --- how an expert presents themselves ------------------------------------------------------------


class ProfileForm(Styled, forms.ModelForm[Expert]):
    """The expert's public page. Once the form is valid, `photo_name` names the new photo, which is
    kept already; it is empty when none was sent."""

    photo_name = ""
    name = NameField(
        label="Name",
        max_length=longest(Expert, "name"),
        help_text="This is how followers see it.",
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
        error_messages={"required": "Write your name."},
    )
    headline = LineField(
        required=False,
        max_length=longest(Expert, "headline"),
        help_text="One line about what you do, such as “Product designer at a bank”.",
    )
    about = ParagraphsField(
        label="About you",
        required=False,
        max_length=longest(Expert, "about"),
        rows=7,
        help_text="Plain text. Line breaks are kept, and links are shown as text.",
    )
    new_photo = forms.FileField(
        label="Photo",
        required=False,
        max_length=200,
        help_text=f"JPEG, PNG or WebP, up to {photos.MOST_MEGABYTES} MB. We show the middle of it "
        "as a square.",
        widget=forms.FileInput(
            attrs={"accept": ",".join(f"image/{kind.lower()}" for kind in photos.READ)}
        ),
    )
    removes_photo = forms.BooleanField(label="Remove the photo", required=False)
    slug = forms.SlugField(
        label="Public address",
        max_length=longest(Expert, "slug"),
        help_text="Your earlier addresses keep leading to your page.",
        error_messages={
            "required": "Write the address of your page.",
            "invalid": "Use letters from a to z, numbers and hyphens only.",
        },
    )

    class Meta:
        model = Expert
        fields: ClassVar[tuple[str, ...]] = ("name", "headline", "about")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial.setdefault("slug", self.instance.slug)

    def clean_slug(self) -> str:
        typed = str(self.cleaned_data["slug"])
        if typed == self.instance.slug:
            return typed
        slug = typed.lower()
        if not shop.is_address_free(slug, expert=self.instance):
            raise forms.ValidationError(SOMEBODY_ELSES)
        return slug

    def clean_new_photo(self) -> Any:
        """A photo is kept at once: only drawing it shows what is wrong with it."""
        sent = self.cleaned_data["new_photo"]
        if sent:
            try:
                self.photo_name = photos.keep(sent)
            except photos.NotAPhoto as error:
                raise forms.ValidationError(error.sentence) from error
        return sent

    def full_clean(self) -> None:
        super().full_clean()
        if self.errors and self.photo_name:  # a browser does not fill in a file again
            photos.forget(self.photo_name)
            self.photo_name = ""
