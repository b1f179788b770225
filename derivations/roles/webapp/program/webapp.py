"""People of an LDAP directory over HTTP, and how often each was looked up, which redis counts. A WSGI application.

    GET /people/UID    the entry's names and mail addresses, and the count, this time included
    GET /health        200 if both servers answer, 503 if not

Its parameters are the environment's, see bin/webapp. It knows nothing of the web server in front of it.
"""

import functools
import json
import os
import sys

import ldap
import ldap.filter
import ldap.ldapobject
import redis

ATTRIBUTES = ["uid", "cn", "mail"]
TIMEOUT = 5  # seconds, for either server


class Directory:
    """One connection, made when it is first needed, and again when the server has closed it."""

    def __init__(self, url, base, bind_dn, password_file):
        self._base = base
        self._connection = ldap.ldapobject.ReconnectLDAPObject(url, retry_max=2, retry_delay=0.1)
        self._connection.network_timeout = TIMEOUT
        self._connection.timeout = TIMEOUT
        if bind_dn:
            with open(password_file, encoding="utf-8") as file:
                self._connection.simple_bind_s(bind_dn, file.read().rstrip("\n"))

    def person(self, uid):
        """What is known of a person, or None."""
        matching = ldap.filter.filter_format("(uid=%s)", [uid])
        found = self._connection.search_s(self._base, ldap.SCOPE_SUBTREE, matching, ATTRIBUTES)
        entries = [attributes for dn, attributes in found if dn is not None]
        if not entries:
            return None
        return {name: [value.decode() for value in values] for name, values in sorted(entries[0].items())}

    def check(self):
        self._connection.search_s(self._base, ldap.SCOPE_BASE, attrlist=["1.1"])


@functools.cache
def directory():
    return Directory(
        os.environ["WEBAPP_LDAP_URL"],
        os.environ["WEBAPP_LDAP_BASE"],
        os.environ.get("WEBAPP_LDAP_BIND_DN"),
        os.environ.get("WEBAPP_LDAP_PASSWORD_FILE"),
    )


@functools.cache
def counts():
    return redis.Redis.from_url(
        os.environ["WEBAPP_REDIS_URL"], socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT, decode_responses=True
    )


def health():
    directory().check()
    counts().ping()
    # Where an entry's name ends up besides: in logs, and in names of files.
    return {"encodings": {"filesystem": sys.getfilesystemencoding(), "stderr": sys.stderr.encoding}}


def person(uid):
    found = directory().person(uid)
    return found and {**found, "lookups": counts().incr(f"lookups:{uid}")}


def answer(path):
    match path.split("/")[1:]:
        case ["health"]:
            found = health()
        case ["people", uid] if uid:
            found = person(uid)
        case _:
            found = None
    return ("200 OK", found) if found else ("404 Not Found", {"error": f"nothing is at {path}"})


def application(environ, start_response):
    try:
        # WSGI hands over bytes as if they were Latin-1.
        status, body = answer(environ["PATH_INFO"].encode("latin-1").decode())
    except UnicodeDecodeError:
        status, body = "400 Bad Request", {"error": "the path is not UTF-8"}
    except (ldap.LDAPError, redis.RedisError) as error:
        print(f"{environ['PATH_INFO']}: {error!r}", file=sys.stderr)
        status, body = "503 Service Unavailable", {"error": "a server that is needed does not answer"}
    content = json.dumps(body, ensure_ascii=False).encode() + b"\n"
    start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(content)))])
    return [content]
