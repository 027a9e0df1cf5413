"""A log-in application whose sessions are in pg_stash. See README.md."""

import functools
import os

import click
from flask import Flask, abort, redirect, render_template_string, request, session, url_for
from psycopg_pool import ConnectionPool
from werkzeug.security import check_password_hash, generate_password_hash

from stash_session import StashSessionInterface

LOGIN = """<!doctype html><title>Log in</title>
<form method="post"><input name="name" placeholder="name" autofocus>
<input name="password" type="password" placeholder="password"><button>Log in</button></form>"""

HOME = """<!doctype html><title>Home</title>
<p>Hello {{ session.user_id }}, visit {{ session.visits }}.</p>
<ul>{% for d in session.devices() %}<li>{{ d.user_agent }} from {{ d.ip }}, last seen
{{ d.last_seen_at }}{{ " (this one)" if d.id == session.id }}</li>{% endfor %}</ul>
<form method="post" action="{{ url_for('logout') }}"><button>Log out</button></form>
<form method="post" action="{{ url_for('everywhere') }}"><button>Sign out everywhere</button></form>
<form method="post" action="{{ url_for('password') }}"><input name="password" type="password">
<button>Change password</button></form>"""

NOBODY = generate_password_hash("nobody has this one")


def logged_in(view):
    @functools.wraps(view)
    def guarded(*arguments, **named):
        if session.user_id is None:
            return redirect(url_for("login"))
        return view(*arguments, **named)
    return guarded


def create_app(conninfo=None):
    app = Flask(__name__)
    pool = ConnectionPool(conninfo or os.environ.get("DATABASE_URL", ""), min_size=1, max_size=8,
                          kwargs={"autocommit": True}, open=True)
    app.extensions["pool"] = pool
    app.session_interface = StashSessionInterface(
        pool, idle_ttl=30 * 60, ttl=12 * 3600, absolute_ttl=12 * 3600, max_per_user=10)
    # The prefix __Host- has browsers insist on Secure, on the path / and on this very host.
    app.config.update(SESSION_COOKIE_NAME="__Host-session", SESSION_COOKIE_SECURE=True,
                      SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Lax")

    def query(text, *arguments):
        with pool.connection() as connection:
            cursor = connection.execute(text, arguments)
            return cursor.fetchone() if cursor.description else None

    @app.after_request
    def not_cached(response):
        response.headers["Cache-Control"] = "no-store"
        return response

    @app.route("/login", methods=["GET", "POST"])
    def login():
        if request.method == "GET":
            return LOGIN
        name = request.form.get("name", "")
        row = query("SELECT password_hash FROM account WHERE name = %s", name)
        # As much work for a name that does not exist.
        good = check_password_hash(row[0] if row else NOBODY, request.form.get("password", ""))
        if row is None or not good:
            abort(401)
        session.log_in(name)
        return redirect(url_for("home"))

    @app.get("/")
    @logged_in
    def home():
        session["visits"] = session.get("visits", 0) + 1
        return render_template_string(HOME, session=session)

    # What changes something is a POST: SameSite=Lax keeps cookies out of those of other sites.
    @app.post("/logout")
    def logout():
        session.log_out()
        return redirect(url_for("login"))

    @app.post("/everywhere")
    @logged_in
    def everywhere():
        session.log_out_everywhere()
        return redirect(url_for("login"))

    @app.post("/password")
    @logged_in
    def password():
        query("UPDATE account SET password_hash = %s WHERE name = %s",
              generate_password_hash(request.form["password"]), session.user_id)
        session.renew()
        session.log_out_others("password changed")
        return redirect(url_for("home"))

    @app.cli.command("add-user")
    @click.argument("name")
    @click.password_option()
    def add_user(name, password):
        query("INSERT INTO account VALUES (%s, %s)", name, generate_password_hash(password))

    return app
