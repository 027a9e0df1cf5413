"""Flask sessions that live in PostgreSQL, in pg_stash.

    app.session_interface = StashSessionInterface(pool, idle_ttl=1800, ttl=43200)

`pool` is a psycopg_pool.ConnectionPool whose connections are in autocommit mode, so that what a
method here does is committed when it returns, before the browser hears of it.

flask.session is a dict as ever; what changed in it is written at the end of the request, and
nothing else, so requests at the same time that change different keys do not undo each other. None
as a value means that the key is not there. Beyond a dict it has `id` and `user_id` (None: nobody is
logged in) and the methods of StashSession below.
"""

import copy

from flask.sessions import SessionInterface, SessionMixin
from psycopg.types.json import Jsonb


def merge_patch(old, new):
    """The JSON merge patch (RFC 7396) that makes `new` of `old`."""
    patch = {key: None for key in old if key not in new}
    for key, value in new.items():
        before = old.get(key)
        if isinstance(value, dict) and isinstance(before, dict):
            inner = merge_patch(before, value)
            if inner:
                patch[key] = inner
        elif value != before or type(value) is not type(before):
            patch[key] = value
    return patch


class StashSession(dict, SessionMixin):
    def __init__(self, interface, request, row):
        self.id, self.user_id, data = row or (None, None, {})
        super().__init__(data)
        self.new = row is None
        self.stored = copy.deepcopy(data)  # what the database has
        self.new_token = None              # for the cookie
        self._interface = interface
        self.request = request

    def log_in(self, user_id):
        """Begins a session of the user, with a token of its own: one that was known before the
        log-in is worth nothing after it. What an anonymous visitor had comes along."""
        if self.id is not None:
            self._call("session_delete", self.id, "log-in")
        if self.user_id is not None:
            self.clear()
        self._begin(user_id)

    def log_out(self, reason="log-out"):
        if self.id is not None:
            self._call("session_delete", self.id, reason)
        self._forget()

    def log_out_others(self, reason):
        """All other sessions of the user; how many there were."""
        return self._call("session_revoke_others", self.id, reason)

    def log_out_everywhere(self, reason="signed out everywhere"):
        count = self._call("session_bulk_delete", None, self.user_id, None, reason)
        self._forget()
        return count

    def renew(self, grace=0):
        """A new token, for when the user gets more rights. The old one works for `grace` seconds."""
        self.new_token = self._call("session_rotate_token", self.id, grace)
        if self.new_token is None:
            self._forget()

    def devices(self):
        """The user's sessions, the newest first, as dictionaries."""
        return self._interface.rows(
            "SELECT id, ip::text, user_agent, created_at, last_seen_at FROM stash.session_list(%s)",
            self.user_id, named=True)

    def save(self):
        patch = merge_patch(self.stored, self)
        if not patch:
            return
        if self.id is None:
            self._begin(None)
        elif self._call("session_update", self.id, Jsonb(patch)) is None:
            self._forget()  # it was ended meanwhile

    def _begin(self, user_id):
        limits = self._interface.limits
        self.user_id = user_id
        self.stored = copy.deepcopy(dict(self))
        self.id, self.new_token = self._interface.rows(
            """SELECT id, token FROM stash.session_create(%s, data => %s, ttl => %s,
                   idle_ttl => %s, absolute_ttl => %s, ip => %s, user_agent => %s,
                   max_per_user => %s)""",
            user_id, Jsonb(self.stored), limits["ttl"], limits["idle_ttl"], limits["absolute_ttl"],
            self.request.remote_addr, self.request.user_agent.string, limits["max_per_user"])[0]

    def _forget(self):
        self.id = self.user_id = self.new_token = None
        self.clear()
        self.stored = {}

    def _call(self, function, *arguments):
        places = ", ".join(["%s"] * len(arguments))
        return self._interface.rows(f"SELECT stash.{function}({places})", *arguments)[0][0]


class StashSessionInterface(SessionInterface):
    """Limits are in seconds; None stands for the server's settings stash.session_…"""

    def __init__(self, pool, ttl=None, idle_ttl=None, absolute_ttl=None, max_per_user=None):
        self.pool = pool
        self.limits = {"ttl": ttl, "idle_ttl": idle_ttl, "absolute_ttl": absolute_ttl,
                       "max_per_user": max_per_user}

    def rows(self, query, *arguments, named=False):
        # psycopg 3 sends arguments apart from the text: no token is part of a statement.
        with self.pool.connection() as connection:
            cursor = connection.execute(query, arguments)
            rows = cursor.fetchall()
            names = [column.name for column in cursor.description]
        return [dict(zip(names, row)) for row in rows] if named else rows

    def open_session(self, app, request):
        token = request.cookies.get(self.get_cookie_name(app))
        found = token and self.rows(
            "SELECT id, user_id, data FROM stash.session_get_by_token(%s)", token)
        return StashSession(self, request, found[0] if found else None)

    def save_session(self, app, session, response):
        session.save()
        response.vary.add("Cookie")
        name = self.get_cookie_name(app)
        flags = {"path": self.get_cookie_path(app), "domain": self.get_cookie_domain(app),
                 "secure": self.get_cookie_secure(app), "httponly": self.get_cookie_httponly(app),
                 "samesite": self.get_cookie_samesite(app)}
        if session.new_token is not None:
            response.set_cookie(name, session.new_token, **flags)
        elif session.id is None and name in session.request.cookies:
            response.delete_cookie(name, **flags)
