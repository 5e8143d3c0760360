"""What docs/cli.md shows for curl and shells does what it says."""

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import daemon
import process
from report import equal, require

DOCS = daemon.ROOT / "docs/cli.md"
SENT = "k\"e'y\\$=&%41"


def snippet(name):
    """Returns what the documentation has below a mark."""
    found = re.search(rf"<!-- tested: {name} -->\n```sh\n(.*?)^```$", DOCS.read_text(), re.S | re.M)
    require(found, f"{DOCS} has no snippet {name}")
    return found.group(1)


def add_toggle(near, name, site):
    """Adds a credential of Toggle's, whose API is the site's."""
    variables = [f"--var=url={site.url}/graphql", "--var=username=interop"]
    add = ["add", name, "--provider", "toggle", *variables, "--secret-stdin=password"]
    near.cli(*add, secret="interop-password")


def sh(script, env, *arguments):
    """Runs a script as a user's shell does, and returns what it prints."""
    command = ["bash", "-euc", script, "bash", *map(str, arguments)]
    return process.run(command, env=env, timeout=4 * process.DEADLINE)


def run(report, near, site, tools, work):
    """Asks with what is printed for curl, and goes along with an API whose tokens slide."""
    with report.check("curl sends what --format curl prints, to the letter, in all places"):
        near.cli("add", "places", "--provider", "places", "--secret-stdin=token", secret=SENT)
        ask = f"tokend-cli get places --format curl | curl -sS --config - '{site.url}/echo?a=b'"
        seen = json.loads(sh(ask, tools))
        equal(seen["query"], [["a", "b"], ["api key", SENT]], "the query")
        headers = {name.lower(): value for name, value in seen["headers"]}
        equal(headers["x-key"], SENT, "the header")
        require(headers["cookie"].startswith("key="), f"no cookie in {headers}")

    with report.check("a shell that evaluates --format env has the token"):
        script = 'eval "$(tokend-cli get places --format env --as MY_KEY)"; printenv MY_KEY'
        equal(sh(script, tools), SENT + "\n", "the variable")

    with report.check("a shell that evaluates --format env without a token has nothing"):
        script = 'eval "$(tokend-cli get absent --format env 2>/dev/null)"; echo "${ABSENT_TOKEN-}"'
        equal(sh(script, tools), "\n", "the variable")

    with report.check("the snippet for shells goes on with a token only"):
        script = f"({snippet('env')} printenv GITHUB_TOKEN) || echo $?"
        for name, expected in [("places", SENT), ("absent", "3")]:
            env = {**tools, "GITHUB_TOKEN": "of yesterday"}
            named = script.replace("github --format env", f"{name} --format env --as GITHUB_TOKEN")
            equal(sh(named, env), expected + "\n", f"what is printed for {name}")

    query = work / "query.json"
    query.write_text(json.dumps({"query": "{ toggles { id } }"}))
    answer = '{"data":{"seen":"{ toggles { id } }"}}\n'
    toggle = f"{snippet('toggle')}\ntoggle \"$1\""
    tools = {**tools, "TOGGLE_URL": f"{site.url}/graphql"}

    with report.check("the snippet for sliding tokens goes on with each newer token"):
        add_toggle(near, "toggle", site)
        for _ in range(3):
            equal(sh(toggle, tools, query), answer, "the answer")
        equal((site.logins, near.get("toggle")), (1, f"t{site.issued}"), "logins and the token")

    with report.check("the snippet gets another token when the API refuses one with status 200"):
        site.forget()
        equal(sh(toggle, tools, query), answer, "the answer")
        equal(site.logins, 2, "logins")

    with report.check("several of it at once all get their answer, and none logs in"):
        site.strict = False
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: sh(toggle, tools, query), range(8)))
        equal(answers, [answer] * 8, "the answers")
        require(near.get("toggle") in site.tokens, "the token isn't one that the API takes")
        equal(site.logins, 2, "logins")
        site.strict = True

    with report.check("the snippet ends in failure if there is no token"):
        broken = toggle.replace("get toggle", "get absent")
        command = ["bash", "-euc", broken, "bash", str(query)]
        ended = subprocess.run(command, env=tools, capture_output=True, text=True)
        require(ended.returncode != 0 and not ended.stdout, f"it printed {ended.stdout!r}")
