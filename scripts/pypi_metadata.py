"""What a package index shows of lmlink, for scikit-build-core: the README with links that work there, and addresses.

The project's address is the `repository-code` of CITATION.cff. Where that is missing, links into the project are their
texts alone, and pictures are left out with the line below them.
"""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAPER = "https://arxiv.org/abs/2111.11262"
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?://|#|mailto:)([^)\s]+)\)")
PICTURE_WITH_CAPTION = re.compile(r"!\[[^\]]*\]\((?!https?://)[^)]*\)\n\n\*.*?\*\n\n", re.DOTALL)


def dynamic_metadata(settings, project):
    """Called by scikit-build-core."""
    text = absolute((ROOT / "README.md").read_text(encoding="utf-8"), address())
    return {"urls": urls(address()), "readme": {"content-type": "text/markdown", "text": text}}


def address():
    """The project's, without a slash at its end; None where it has none."""
    found = re.search(r"^repository-code: *[\"']?([^\"'\s]+)", (ROOT / "CITATION.cff").read_text(encoding="utf-8"),
                      re.MULTILINE)
    return found[1].rstrip("/") if found else None


def urls(base):
    if base is None:
        return {"Paper": PAPER}
    return {"Repository": base, "Documentation": f"{base}/tree/main/docs", "Issues": f"{base}/issues",
            "Changelog": f"{base}/blob/main/CHANGELOG.md", "Paper": PAPER}


def absolute(text, base):
    """Markdown whose links do not count from its folder."""
    if base is None:
        text = PICTURE_WITH_CAPTION.sub("", text)

    def link(found):
        picture, label, target = found.groups()
        if base is None:
            return "" if picture else label
        return f"{picture}[{label}]({base}/{'raw' if picture else 'blob'}/main/{target})"

    return LINK.sub(link, text)
