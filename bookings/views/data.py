"""What an expert's account holds, for the expert: a page to read and a file."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import path
from django.views.decorators.http import require_safe

from bookings import personal_data
from bookings.access import ExpertRequest, expert_required

FILE_NAME = "your-data.json"


@expert_required
@require_safe
def your_data(request: ExpertRequest) -> HttpResponse:
    sections = personal_data.as_page(personal_data.of_expert(request.expert))
    return render(request, "accounts/data.html", {"sections": sections})


@expert_required
@require_safe
def your_data_file(request: ExpertRequest) -> Any:
    pieces = personal_data.as_json(personal_data.of_expert(request.expert))
    answer = StreamingHttpResponse(pieces, content_type="application/json")
    answer["Content-Disposition"] = f'attachment; filename="{FILE_NAME}"'
    return answer


urlpatterns = [
    path("account/data/", your_data, name="your_data"),
    path("account/data/file/", your_data_file, name="your_data_file"),
]
