"""A person with a browser, as far as logging in takes one: cookies, redirects and forms."""

import html.parser
import http.cookiejar
import ssl
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass, field

import process
from report import Failed, require

PASSWORD = "whatever oidc-provider takes"


@dataclass
class Form:
    """A form, with what is in it before anybody types."""

    action: str
    values: dict = field(default_factory=dict)


class Page(html.parser.HTMLParser):
    """What a URL has led to: its forms and links."""

    def __init__(self, url, text):
        super().__init__()
        self.url = url
        self.text = text
        self.forms = []
        self.links = []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form":
            self.forms.append(Form(urllib.parse.urljoin(self.url, attrs.get("action", ""))))
        elif tag == "input" and self.forms and attrs.get("name"):
            self.forms[-1].values[attrs["name"]] = attrs.get("value") or ""
        elif tag == "a" and attrs.get("href"):
            self.links.append(urllib.parse.urljoin(self.url, attrs["href"]))


class Browser(urllib.request.HTTPRedirectHandler):
    """A browser that stays with one provider, and says when it is sent elsewhere."""

    def __init__(self, far):
        self._home = far.url
        trust = ssl.create_default_context(cafile=far.ca_file)
        jar = http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(
            urllib.request.HTTPSHandler(context=trust),
            urllib.request.HTTPCookieProcessor(jar),
            urllib.request.ProxyHandler({}),
            self,
        )

    def redirect_request(self, req, fp, code, msg, headers, newurl):
        """Follows redirects on the provider's own pages only."""
        if not newurl.startswith(self._home + "/"):
            raise Elsewhere(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)

    def open(self, url, form=None):
        """Opens a page, or submits a form to it; `Elsewhere` if that leads away."""
        data = form and urllib.parse.urlencode(form).encode()
        try:
            with self._opener.open(url, data, timeout=process.DEADLINE) as answer:
                return Page(answer.url, answer.read().decode())
        except urllib.error.HTTPError as error:
            said = error.read().decode(errors="replace")
            raise Failed(f"the browser got {error.code} from {url}: {said[-2000:]}") from None

    def submit(self, form, **typed):
        """Submits a form with what is typed into it."""
        return self.open(form.action, {**form.values, **typed})

    def log_in(self, url, declines=False):
        """Logs in on oidc-provider's pages and agrees; returns where that leads."""
        try:
            self._agree(self.open(url), declines)
        except Elsewhere as left:
            return left.url
        raise Failed("logging in leads nowhere")

    def enter_code(self, url, code, declines=False):
        """Enters a device's code on oidc-provider's pages, logs in and agrees."""
        page = self.submit(self.open(url).forms[0], user_code=code)
        form = page.forms[0]
        require("confirm" in form.values, f"the code isn't taken: {page.text}")
        if declines:
            form.values.pop("confirm")
            return self.submit(form, abort="yes")
        return self._agree(self.submit(form), False)

    def _agree(self, page, declines):
        for _ in range(3):
            prompt = page.forms[0].values.get("prompt") if page.forms else None
            if prompt is None:
                return page
            if declines and prompt == "consent":
                return self.open(next(link for link in page.links if link.endswith("/abort")))
            typed = {"login": "ann", "password": PASSWORD} if prompt == "login" else {}
            page = self.submit(page.forms[0], **typed)
        return page


class Elsewhere(Exception):
    """The provider has sent the browser away."""

    def __init__(self, url):
        super().__init__(url)
        self.url = url


def visit(url):
    """Opens a page of this machine's, as a browser that was sent there does."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(url, timeout=process.DEADLINE) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def altered(url, **parameters):
    """Returns a URL with other parameters in its query; those that are None go."""
    parts = urllib.parse.urlsplit(url)
    query = dict(urllib.parse.parse_qsl(parts.query)) | parameters
    query = {name: value for name, value in query.items() if value is not None}
    return parts._replace(query=urllib.parse.urlencode(query)).geturl()
