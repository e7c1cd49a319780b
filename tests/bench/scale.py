"""A box with many apps: 200 in the database, half of them running. Nothing is to be done, and that has to cost nothing."""

import re
import resource
import sqlite3
import statistics
import subprocess
import tempfile
import time

from rig import Box, docker, load, say

APPS = 200
RUNNING = 100
PAGES = 300
QUIET_SECONDS = 60
# The shortest time between two looks that an extension may ask for, so that a minute has several.
OFTEN = 10
IMAGE = "orbitr-test/web:1.0.0"

MANIFEST = f"""services:
  web:
    image: {IMAGE}
    restart: unless-stopped
    ports: ["${{INPUT_PORT}}:80"]
    volumes: ["data:/data"]
    healthcheck: {{test: [CMD, "true"], interval: 60s}}
    mem_limit: 64m
    cap_drop: [ALL]
volumes: {{data: {{}}}}

x-orbitr:
  schema: 1
  id: web
  version: "1"
  revision: 1
  os: ">=0.1"
  meta:
    name: Sample
    summary: A small service
    category: web
    icon: icon.svg
    license: Apache-2.0
    links: {{website: "https://example.com", source: "https://example.com"}}
    status: working
  arch: [amd64, arm64]
  instances: many
  resources: {{memory: {{min: 32Mi, recommended: 64Mi}}, cpu: {{min: 0.1}}, disk: {{install: 10Mi, data: 10Mi}}}}
  services: {{web: main}}
  inputs:
    port: {{type: port, label: Port, help: Where it is reached., preferred: 20000}}
  volumes:
    data: {{class: data, on_remove: ask}}
  permissions: []
  health: {{service: web, port: 80, protocol: http, path: /, expect: {{status: 200}}, grace: 30s}}
  tests: {{install: {{}}}}
"""


def rows(db, table, where, *values):
    """Whole rows, as the columns are today."""
    db.row_factory = sqlite3.Row
    return [dict(row) for row in db.execute(f"SELECT * FROM {table} WHERE {where}", values)]


def add(db, table, row):
    db.execute(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join('?' for _ in row)})", tuple(row.values()))


def database(box):
    (path,) = (box.state / "box/db").glob("orbitr-v*.sqlite")
    return sqlite3.connect(path)


def fill(box, app):
    """Copies of an app that is installed, as if they were too; answers with (app, release, port) of those that run."""
    db = database(box)
    (kept,) = rows(db, "app", "id = ?", app)
    (release,) = rows(db, "release", "app_id = ?", app)
    (scope,) = rows(db, "app_scope", "app_id = ?", app)
    (held,) = rows(db, "host_port", "app_id = ?", app)
    db.execute("PRAGMA defer_foreign_keys = ON")
    running = []
    for number in range(1, APPS):
        name, made, port = f"app-{number}", f"0198c0de-0000-7000-8000-{number:012}", held["port"] + number
        wanted = "running" if number < RUNNING else "stopped"
        ports = release["ports"].replace(str(held["port"]), str(port))
        add(db, "app", {**kept, "id": name, "name": f"App {number}", "wanted": wanted, "active_release": made})
        add(db, "release", {**release, "id": made, "app_id": name, "ports": ports})
        add(db, "app_scope", {**scope, "app_id": name})
        add(db, "host_port", {**held, "app_id": name, "release_id": made, "port": port})
        if wanted == "running":
            running.append((name, made, port))
    db.commit()
    db.close()
    return running


def run_all(box, running):
    """Their containers, as Compose would have made them, but for a network each."""
    say(f"starting {len(running)} containers")
    for app, release, port in running:
        labels = {
            "io.orbitr.box": box.id, "io.orbitr.app": app, "io.orbitr.release": release,
            "com.docker.compose.project": f"orbitr-{app}", "com.docker.compose.service": "web",
        }
        labels = [word for name, value in labels.items() for word in ("--label", f"{name}={value}")]
        docker("run", "-d", "--name", f"orbitr-{app}-web-1", "-p", f"{port}:80", *labels,
               "--health-cmd", "true", "--health-interval", "60s", IMAGE)


def pages(box, path):
    """A page and, turn by turn on the same connection, a file that only has to be sent: what TLS, the network and this
    client take. In ms."""
    connection = box.connect()
    found = re.search(rb'href="(/assets/[^"]+\.svg)"|src="(/assets/[^"]+)"', box.ask("GET", "/", connection=connection))
    file = (found.group(1) or found.group(2)).decode()

    def trip(path):
        begun = time.monotonic()
        box.ask("GET", path, connection=connection)
        return (time.monotonic() - begun) * 1000

    files, pages = [], []
    for _ in range(PAGES):
        files.append(trip(file))
        pages.append(trip(path))
    pages.sort()
    return statistics.median(pages), pages[int(PAGES * 0.99) - 1], statistics.median(files)


def all_well(box):
    """Waits until every app is as it should be."""
    for _ in range(240):
        apps = box.ask("GET", "/api/v1/apps")
        states = [app["status"]["state"] for app in apps]
        # (a first check that succeeds is news, and no rest)
        checking = docker("ps", "-q", "--filter", "health=starting", "--filter", f"label=io.orbitr.box={box.id}")
        if states.count("running") == RUNNING and states.count("stopped") == APPS - RUNNING and not checking:
            return
        time.sleep(0.5)
    raise SystemExit(f"the apps are {sorted(set(states))}")


def jobs(box):
    """The newest."""
    return {job["id"] for job in box.ask("GET", "/api/v1/jobs")["items"]}


def quiet(box):
    """Percent of a core while nothing happens, and how many jobs began."""
    before, cpu, begun = jobs(box), box.cpu_seconds(), time.monotonic()
    time.sleep(QUIET_SECONDS)
    cpu = (box.cpu_seconds() - cpu) / (time.monotonic() - begun) * 100
    return cpu, len(jobs(box) - before)


PROBE = "port: 80, protocol: http, path: /, expect: {status: 200}, "


def looked_at_often(box, probed):
    """From the next start on, each app is looked at every ten seconds instead of once a minute; its page is asked for, or
    not."""
    db = database(box)
    db.execute("UPDATE release SET manifest = replace(manifest, 'grace: 30s}', ?)", (f"grace: 30s, interval: {OFTEN}s}}",))
    if not probed:
        db.execute("UPDATE release SET manifest = replace(manifest, ?, ''), ports = '{}'", (PROBE,))
    db.commit()
    db.close()


def often(box, probed):
    """Percent of a core while each app is looked at often, and how many jobs began."""
    box.stop()
    looked_at_often(box, probed)
    box.start()
    all_well(box)
    time.sleep(5)
    say(f"{APPS} apps, looked at every {OFTEN} s {'over HTTP ' if probed else ''}for {QUIET_SECONDS} s")
    return quiet(box)


def asked_barely(running):
    """CPU in ms of the same requests, made by curl one after the other."""
    pages = [word for _, _, port in running for word in ("-o", "/dev/null", f"http://127.0.0.1:{port}/")]

    def spent():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    rounds = []
    for _ in range(5):
        before = spent()
        subprocess.run(["curl", "-sSf", *pages], check=True)
        rounds.append((spent() - before) * 1000)
    return statistics.median(rounds)


def measure(program, rounds):
    with tempfile.TemporaryDirectory(prefix="orbitr-bench-") as state, Box(program, state) as box:
        box.publish("web", MANIFEST)
        box.start()
        box.claim()
        docker("pull", "--quiet", IMAGE)
        started = box.ask("POST", "/api/v1/projects/home/apps", {"extension": "local/web"})
        box.wait_for(started["job"])
        box.stop()
        running = fill(box, started["app"])
        run_all(box, running)
        starts = []
        for _ in range(rounds):
            starts.append(box.start())
            box.stop()
        box.start()
        all_well(box)
        shown = {path: pages(box, path) for path in ("/", "/apps")}
        time.sleep(5)
        say(f"{APPS} apps, quiet for {QUIET_SECONDS} s")
        cpu, began = quiet(box)
        probed, began_probed = often(box, probed=True)
        decided, began_decided = often(box, probed=False)
        busy = load()
        bare = asked_barely(running) * RUNNING / len(running)
        box.stop()
    # What is more with more looks is the looks': a minute has so many more rounds now.
    more = QUIET_SECONDS / OFTEN - QUIET_SECONDS / 60
    look, decision = ((often - cpu) / 100 * QUIET_SECONDS / more * 1000 for often in (probed, decided))
    many = f"{APPS} apps, {RUNNING} running"
    table = [(f"start to ready with {many}", statistics.median(starts), "s", 0.5)]
    for name, path in (("home", "/"), ("apps", "/apps")):
        middle, slowest, file = shown[path]
        table += [
            (f"{name} page with {many}, server time p50", middle - file, "ms", 3),
            (f"{name} page with {many}, server time p99", slowest - file, "ms", 10),
            (f"{name} page with {many}, ratio to a bare file", middle / file, "x", None),
        ]
    return [
        *table,
        (f"jobs that began by themselves with {many}", began + began_probed + began_decided, "", 0),
        (f"CPU idle with {many}", cpu, "% of one core", 0.3),
        (f"reconciler round over {many}, nothing to do, CPU", decision, "ms", 20),
        ("the same with a page asked of each that runs, CPU", look, "ms", None),
        ("ratio of that to curl, which only asks", look / bare, "x", None),
        ("load on each core meanwhile", busy, "x", None),
    ]
