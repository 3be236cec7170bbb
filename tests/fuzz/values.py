"""What people, scripts and attackers write where something else is meant."""

from __future__ import annotations

LONG = "x" * 3000
TEXTS = (
    "", " ", "0", "-1", "1", "2", "7", "9" * 20, "9" * 400, "1e309", "NaN", "inf", "1.5", "1,5",
    "true", "null", "None", "undefined", "[]", "{}", "a@b", "name@example.com", "ſam@example.com",
    "anna@bücher.example", "@", "a@b@c", "\x00", "a\x00b", "\x01\x1f\x7f", "\r\nX: y", "\n", "\t",
    "'", '"', "' OR 1=1--", "%", "%s", "%(x)s", "%00", "{{7*7}}", "{% x %}", "${x}", "<script>",
    "&amp;", "\\", "..", "../../etc/passwd", "/", "//evil.example", "http://[", "javascript:x",
    "é", "e\u0301", "\u202e", "\u200b", "\u3164", "\ud83d\ude00".encode("utf-16", "surrogatepass")
    .decode("utf-16"), "\ufffe", "\ufffd", "a" + "\u0301" * 500 + "\u0327" * 500, "٣", "½", "ß", "İ",
    "Europe/Berlin", "Mars/Base", "../UTC", "UTC\x00", "2027-01-01", "0000-00-00", "9999-12-31",
    "2027-02-30", "0001-01-01", "2027-01-01T10:00", "2027-01-01T10:00Z", "9999-12-31T23:59Z",
    "24:00", "09:30", "12", "24", "on", "yes", "id", "pk", "1;2", "1 2", LONG, "TM-2222222",
)  # fmt: skip
PATH_PARTS = (
    "", "0", "1", "-1", "9" * 19, "9" * 30, "9" * 4400, "%00", "%ff", "%2e%2e", "..", "%2F", "a%0d%0ab",
    "%F0%9F%98%80", "x" * 3000, "x", "__fk__", "_", ".", ":", "1%00", "TM-2222222", "%E2%80%AE",
    "1_0", "１", "None",
)  # fmt: skip
METHODS = ("GET",) * 8 + ("POST",) * 8 + (
    "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "PROPFIND", "X",
)  # fmt: skip
CHARSETS = (
    "utf-8", "UTF8", "us-ascii", "latin-1", "zlib", "idna", "rot13", "hex", "quopri", "base64", "bz2",
    "uu", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf-7", "utf-16",
    "utf-32", "utf-8-sig", "mbcs", "oem", "cp037", "shift_jis", "big5", "unknown-8bit", "x-nothing",
    "", '"', "''", "utf-8\x00", "a" * 300, "é", "../zlib",
)  # fmt: skip
CONTENT_TYPES = (
    "application/x-www-form-urlencoded", "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=frontier", "multipart/form-data; boundary=frontier",
    "multipart/form-data", "multipart/form-data; boundary=", "multipart/form-data; boundary=" + "b" * 300,
    "multipart/mixed; boundary=frontier", "multipart/form-data; boundary=frontier; charset=zlib",
    'multipart/form-data; boundary="fröntier"', "application/json", "text/plain", "text/xml", "",
    "text", "/", ";", "; charset=utf-8", "a/b; charset*=zlib''x", "a/b; charset*0*=x; charset*1=y",
    "a/b; charset*=utf-8''%ff", "a/b; charset*=''", "a/b; charset*=utf-8'", "a/b; x*=nothing'en'y",
    "a/b; charset=\"utf-8", "a/b; =", "a/b; *=", "a/b; charset*9=x", "x" * 3000,
)  # fmt: skip
PARTS = (
    'form-data; name="{name}"', 'form-data; name="{name}"; filename="f.txt"', "form-data",
    "form-data; name*=utf-8''{name}", "form-data; name*=zlib''{name}", "form-data; name*=idna''{name}",
    "form-data; name*=nothing''{name}", "form-data; name*0=a; name*1=b", "form-data; name=\"{name}",
    "form-data; filename=\"../x\"", 'form-data; name="{name}"; filename*=rot13\'\'x', "attachment", "",
    'form-data; name="{name}"; filename="\\"', "form-data; name*=utf-8''%ff%00",
)  # fmt: skip
ENCODINGS = ("", "", "", "base64", "quoted-printable", "zlib", "8bit", "x")
ADDRESSES = (
    "http://[", "http://[::1", "http://]", "//", "http://", "https://x:y@z:99999/", "x", "null",
    "http://127.0.0.1/need-action/", "http://xn--/", "http://\xff/", "javascript:1", "http://a:b/",
    "http://[v1.x]/", "file:///etc/passwd", "http://127.0.0.1:99999999/", "%5b", "http://[fe80::1%25]/",
)  # fmt: skip
HEADERS: dict[str, tuple[str, ...]] = {
    "HX-Request": ("true", "false", "", "x"),
    "HX-Current-URL": ADDRESSES,
    "HX-Current-URL-URI-AutoEncoded": ("true", "x"),
    "HX-Target": ("summary", "list", "", "\xff", "x" * 900),
    "HX-Target-URI-AutoEncoded": ("true",),
    "HX-Trigger": ("x", "%ff"),
    "HX-Trigger-Name": ("x",),
    "HX-Prompt": ("%ff%00", "x"),
    "HX-Boosted": ("true",),
    "HX-History-Restore-Request": ("true",),
    "Triggering-Event": ("{", "[1]", "null", "9" * 5000, "[" * 3000),
    "Referer": ADDRESSES,
    "Origin": (*ADDRESSES, "null"),
    "Accept-Language": ("xx", "*", "de-" * 300, "en;q=9", "\xff", ";;,", "en;q=0." + "0" * 500),
    "Accept": ("*/*", "text/html;q=x", "\xff", "application/json"),
    "Accept-Encoding": ("gzip;q=x", "br", "*;q=0", "\xff", "identity;q=0"),
    "Range": ("bytes=0-1", "bytes=-1", "bytes=9-1", "bytes=x", "bytes=" + "9" * 400 + "-", "x", "bytes=-", "bytes=0-1,2-3"),
    "If-Modified-Since": ("x", "Thu, 01 Jan 1970 00:00:00 GMT", "Mon, 99 Foo 9999 99:99:99 GMT", "Thu, 01 Jan 0000 00:00:00 GMT", "9" * 400, "\xff"),
    "If-Unmodified-Since": ("x", "Thu, 01 Jan 1970 00:00:00 GMT", "Thu, 31 Feb 1970 00:00:00 GMT"),
    "If-None-Match": ("*", '"x"', "W/", "\xff", ","),
    "If-Match": ("*", "x"),
    "If-Range": ("x",),
    "X-Forwarded-For": ("x", "1.2.3.4, x", "::1", "1.2.3.4:80", "\xff", "," * 300, "fe80::1%eth0", "2001:db8::1", "::ffff:1.2.3.4", "999.1.1.1"),
    "X-Forwarded-Proto": ("https", "x", "http,https", ""),
    "X-Forwarded-Host": ("evil.example", "[", "a:b"),
    "X-Forwarded-Port": ("x", "99999999"),
    "Forwarded": ("for=[", "x"),
    "Authorization": ("Basic x", "Basic \xff", "Bearer x", "x"),
    "X-HTTP-Method-Override": ("DELETE", "x"),
    "X-Requested-With": ("XMLHttpRequest",),
    "Content-Encoding": ("gzip", "x"),
    "Content-Language": ("\xff",),
    "User-Agent": ("", "x" * 900, "\xff\xfe"),
    "Stripe-Signature": ("t=1,v1=x", "t=x", "t=" + "9" * 400 + ",v1=x", "\xff", ","),
    "X-Razorpay-Signature": ("x", "\xff", "0" * 64),
    "X-Razorpay-Event-Id": ("x", "\xff" * 300),
    "X-CSRFToken": ("x", "\xff"),
    "X-Original-URL": ("/admin/", "http://["),
    "X-Rewrite-URL": ("/admin/",),
    "Max-Forwards": ("x",),
    "Upgrade": ("websocket",),
    "Date": ("x",),
}  # fmt: skip
COOKIES = (
    "theme=dark", "theme=\xff", 'theme="\\000"', "tz=Europe/Berlin", "tz=\xff", 'tz="\\000aaaaaaaa"',
    "tz=../../etc/passwd", "tz=" + "x" * 900, "topmate_session=x", 'topmate_session="\\000aaaaaaaaaa"',
    "topmate_session=" + "x" * 900, "topmate_csrf=x", 'topmate_csrf="\\000"', "messages=x",
    "messages=a:b:c", "messages=W1tdXQ:x:y", "=", ";", "a", "a=b=c", "\xff=\xff", "device=x",
    'device="\\000"', "__Host-session=x", "topmate_session=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\xff",
    "sessionid=x", "csrftoken=x", "topmate_device=x:y:z", "topmate_device=\xff", "=\x00",
)  # fmt: skip
QUERIES = (
    "_popup", "_to_field", "_changelist_filters", "p", "o", "e", "q", "all", "_facets", "next",
    "ids", "tz", "clock", "day", "slot", "zones", "after", "shown", "outcome", "date_from", "date_to",
    "to", "before", "seen", "booking", "feedback", "call", "from", "paid", "state", "late", "needs",
    "decision", "answered", "state__exact", "state__in", "state__isnull", "is_staff__exact",
    "is_helpful__exact", "provider", "provider__exact", "payment__provider__exact", "id__in",
    "password__startswith", "user__email__startswith", "key__startswith", "article",
    "booking__follower__email__contains", "time_zone", "clock", "app_label", "model_name",
    "field_name", "term", "user", "name", "email", "slug", "_saved_filters", "audience", "role",
)  # fmt: skip
