"""Plays browsers against the application and a live database; prints TAP. DATABASE_URL connects as
the application, ADMIN_URL as a superuser. test/tap/session_flask.pl calls it."""

import hashlib
import os
import sys

import psycopg
from flask import session
from werkzeug.security import generate_password_hash

from app import create_app

COOKIE = "__Host-session"
failures = 0
count = 0


def ok(good, what):
    global count, failures
    count += 1
    failures += not good
    print(f"{'ok' if good else 'not ok'} {count} - {what}", flush=True)


class Browser:
    """Its cookies, against one of the application's processes."""

    def __init__(self, app, agent="Firefox"):
        self.client = app.test_client()
        self.with_agent = {"base_url": "https://localhost", "headers": {"User-Agent": agent}}

    def get(self, path):
        return self.client.get(path, **self.with_agent)

    def post(self, path, **form):
        return self.client.post(path, data=form, **self.with_agent)

    def log_in(self, password="correct horse"):
        return self.post("/login", name="ada", password=password)

    @property
    def token(self):
        cookie = self.client.get_cookie(COOKIE)
        return cookie.value if cookie else None

    @token.setter
    def token(self, value):
        self.client.set_cookie(COOKIE, value, secure=True)

    def is_in(self):
        return self.get("/").status_code == 200


admin = psycopg.connect(os.environ["ADMIN_URL"], autocommit=True)
admin.execute("INSERT INTO account VALUES ('ada', %s)", [generate_password_hash("correct horse")])
# Two applications share nothing but the database.
one, two = create_app(), create_app()

anna = Browser(one)
ok(anna.get("/").location == "/login", "without a session the page leads to the log-in")
ok(anna.token is None and admin.execute("SELECT stash.session_get_active_count()").fetchone()[0] == 0,
   "... and nobody who only looks gets a session")
ok(anna.log_in("wrong").status_code == 401 and anna.token is None, "a wrong password is refused")
ok(anna.post("/login", name="nobody", password="x").status_code == 401, "... and so is an unknown name")

answer = anna.log_in()
flags = {part.strip() for part in answer.headers["Set-Cookie"].split(";")[1:]}
ok(answer.location == "/" and flags == {"HttpOnly", "Secure", "SameSite=Lax", "Path=/"},
   f"the log-in sets a cookie: {sorted(flags)}")
ok(answer.headers["Cache-Control"] == "no-store" and "Cookie" in answer.headers["Vary"],
   "... in an answer that is not cached")
page = anna.get("/").get_data(as_text=True)
ok("Hello ada, visit 1" in page and "(this one)" in page, "the page knows the user")
hashes = [row[0] for row in admin.execute("SELECT token_hash FROM stash.session")]
ok(hashes == [hashlib.sha256(anna.token.encode()).digest()], "the table has the token's SHA-256 only")

elsewhere = Browser(two)
elsewhere.token = anna.token
ok("visit 2" in elsewhere.get("/").get_data(as_text=True), "another process finds the session and its data")

victim = Browser(one)
victim.token = "a" * 43
victim.log_in()
ok(victim.token != "a" * 43 and victim.is_in(), "a token that the browser brought is not taken over")
before = victim.token
victim.log_in()
ok(victim.token != before, "... nor that of an earlier log-in")
thief = Browser(two)
thief.token = before
ok(not thief.is_in(), "... which has ended")

stolen = anna.token
anna.post("/password", password="battery staple")
ok(anna.token != stolen and anna.is_in(), "a change of password changes the token")
ok(not elsewhere.is_in() and elsewhere.token is None, "... the old one finds nothing, and its cookie goes")
ok(not victim.is_in(), "... and the user's other sessions have ended")
ok(victim.log_in().status_code == 401, "... and the old password is refused")

stolen = anna.token
anna.post("/logout")
ok(anna.token is None and not anna.is_in(), "log-out")
thief.token = stolen
ok(not thief.is_in(), "... ends the session for every process")

browsers = [Browser(app, agent) for app in (one, two) for agent in ("Firefox", "Safari")]
for browser in browsers:
    browser.log_in("battery staple")
ok(all(browser.is_in() for browser in browsers), "four browsers log in")
browsers[0].post("/everywhere")
ok(not any(browser.is_in() for browser in browsers), "... and one signs all of them out")
ends = admin.execute("SELECT kind, reason, count(*)::int FROM stash.session_history('ada')"
                     " GROUP BY kind, reason ORDER BY kind, reason").fetchall()
ok(ends == [("deleted", "log-in", 1), ("deleted", "log-out", 1), ("deleted", "signed out everywhere", 4),
            ("revoked", "password changed", 1)], f"the history says why: {ends}")

# Two requests at once, each of which has read the session before the other writes.
anna.log_in("battery staple")
cookie = {"HTTP_COOKIE": f"{COOKIE}={anna.token}"}
with one.test_request_context("/", environ_overrides=cookie):
    session["cart"] = {"lamp": 1}
    session.save()
with one.test_request_context("/", environ_overrides=cookie) as first, \
        two.test_request_context("/", environ_overrides=cookie) as second:
    first.session["cart"]["desk"] = 1
    second.session["theme"] = "dark"
    del second.session["cart"]["lamp"]
    first.session.save()
    second.session.save()
with one.test_request_context("/", environ_overrides=cookie):
    ok(dict(session) == {"cart": {"desk": 1}, "theme": "dark"},
       f"requests at once keep each other's changes: {dict(session)}")
with one.test_request_context("/", environ_overrides=cookie) as late:
    Browser(two).client.get("/")
    anna.post("/logout")
    late.session["cart"] = {}
    late.session.save()
    ok(late.session.id is None, "a request that outlives the log-out brings nothing back")
ok(admin.execute("SELECT count(*) FROM stash.session").fetchone()[0] == 0, "... and no row is left")

for app in (one, two):
    app.extensions["pool"].close()
print(f"1..{count}")
sys.exit(1 if failures else 0)
