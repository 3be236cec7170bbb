"""What an expert sells and when they can be booked. Local wall times plus the expert's zone."""

from __future__ import annotations

from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import models

from bookings.models.people import Expert


class ServiceQuerySet(models.QuerySet["Service"]):
    def for_sale(self) -> ServiceQuerySet:
        on_sale = self.filter(is_active=True, expert__user__is_active=True)
        return on_sale.select_related("expert").order_by("duration_minutes", "price_minor", "pk")

    def of_expert(self, expert: Expert) -> ServiceQuerySet:
        return self.filter(expert=expert)

    def at_address(self, slug: str, service_id: int) -> ServiceQuerySet:
        return self.filter(expert__slug=slug, pk=service_id)


class Service(models.Model):
    """A kind of call: its title, length and price."""

    expert = models.ForeignKey(Expert, on_delete=models.PROTECT, related_name="services")
    title = models.CharField(max_length=120)
    duration_minutes = models.PositiveSmallIntegerField(
        validators=[MinValueValidator(5), MaxValueValidator(480)]
    )
    price_minor = models.PositiveBigIntegerField(
        "price in minor units", help_text="Cents, paise or whole yen; 0 for a free call."
    )
    currency = models.CharField(
        max_length=3, validators=[RegexValidator("^[A-Z]{3}$", "Three capital letters, as in EUR.")]
    )
    place = models.CharField(
        max_length=300, blank=True, help_text="A meeting link, or where the call is held."
    )
    is_active = models.BooleanField(default=True)

    objects = ServiceQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint("expert", "title", name="service_title_once_per_expert"),
        )

    def __str__(self) -> str:
        return f"{self.title}, {self.duration_minutes} min"


class WeeklyHours(models.Model):
    """One spell of a weekday, in the expert's local time. An end of 00:00 is midnight."""

    expert = models.ForeignKey(Expert, on_delete=models.CASCADE, related_name="weekly_hours")
    weekday = models.PositiveSmallIntegerField(
        choices=[(0, "Monday"), (1, "Tuesday"), (2, "Wednesday"), (3, "Thursday"), (4, "Friday"),
                 (5, "Saturday"), (6, "Sunday")]
    )  # fmt: skip
    starts_local = models.TimeField()
    ends_local = models.TimeField()

    class Meta:
        ordering = ("weekday", "starts_local")
        verbose_name_plural = "weekly hours"

    def __str__(self) -> str:
        return f"{self.get_weekday_display()} {self.starts_local:%H:%M}-{self.ends_local:%H:%M}"


class DateOverride(models.Model):
    """Replaces the weekly hours of one date; without times the day is off."""

    expert = models.ForeignKey(Expert, on_delete=models.CASCADE, related_name="date_overrides")
    date = models.DateField()
    starts_local = models.TimeField(null=True, blank=True)
    ends_local = models.TimeField(null=True, blank=True)

    class Meta:
        ordering = ("date", "starts_local")
        constraints = (
            models.CheckConstraint(
                condition=models.Q(starts_local__isnull=True, ends_local__isnull=True)
                | models.Q(starts_local__isnull=False, ends_local__isnull=False),
                name="override_both_times_or_none",
            ),
        )

    def __str__(self) -> str:
        if self.starts_local is None or self.ends_local is None:
            return f"{self.date}: off"
        return f"{self.date} {self.starts_local:%H:%M}-{self.ends_local:%H:%M}"
