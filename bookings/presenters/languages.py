"""What a browser's languages tell about its reader: whether 6:00 pm or 18:00 is how they read time.

After Unicode CLDR, for the languages and regions that browsers name. As a table, because the data
of every language that somebody could ask for would fill the memory of a process.
"""

from __future__ import annotations

from django.utils.translation.trans_real import parse_accept_lang_header

from bookings.models import Clock

_LANGUAGES = """
    aa ak am ar as bn ceb ckb dz ee el en fil gu haw hi km kn ko kok ks mai mi ml mr ms om or pa qu
    sa sd so sq ta te ti to ur yue
"""
"""Languages that have a 12-hour clock where no region is named."""
_REGIONS = """
    419 AE AG AL AR AS AU BB BD BH BM BN BO BS BT CA CO CR CU CY DJ DM DO DZ EC EG EH ER ET FJ FM
    GD GH GM GR GT GU GY HK HN IN IQ JM JO KH KI KN KP KR KW KY LB LC LR LS LY MH MO MP MR MW MX
    MY NA NI NZ OM PA PE PG PH PK PR PS PW PY QA SA SB SD SG SL SO SS SV SY SZ TC TD TN TO TT TW
    UM US UY VC VE VG VI VU WS YE ZM
"""
"""Regions that have a 12-hour clock in most of their languages."""
_OF_TWELVE_HOURS = frozenset(_LANGUAGES.split()) | frozenset(_REGIONS.split())
_OTHERWISE = {("fr", "CA"): Clock.TWENTY_FOUR, ("es", "CL"): Clock.TWELVE}
"""Languages that differ from their region."""


def usual_clock(accept_language: str) -> str:
    """The clock of the language somebody likes best; 24 hours where we cannot tell."""
    accepted = parse_accept_lang_header(accept_language)
    languages = [tag for tag, quality in accepted if tag != "*" and quality > 0]
    if not languages:
        return Clock.TWENTY_FOUR
    language, *subtags = languages[0].split("-")
    region = next((tag.upper() for tag in subtags if _is_region(tag)), "")
    if (language, region) in _OTHERWISE:
        return _OTHERWISE[language, region]
    return Clock.TWELVE if (region or language) in _OF_TWELVE_HOURS else Clock.TWENTY_FOUR


def _is_region(tag: str) -> bool:
    is_world = tag == "001"
    return (len(tag) == 2 and tag.isalpha()) or (len(tag) == 3 and tag.isdigit() and not is_world)
