"""Imports from elsewhere -> the distributions on PyPI that hold them, by their own names."""

from lib.bundler.analysis.graph import Graph
from lib.bundler.analysis.kaggle_packages import KAGGLE_MODULES, name_origin
from lib.bundler.differences import Difference
from lib.bundler.installed.distributions import Distribution, Installed, normalize_name

# Modules in common use; for a package that many distributions share, its dotted parts.
_WORDS = """
    _pytest pytest; _yaml pyyaml; absl absl-py; antlr4 antlr4-python3-runtime; attr attrs;
    barcode python-barcode; bayes_opt bayesian-optimization; Bio biopython; bs4 beautifulsoup4;
    cairo pycairo; community python-louvain; cpuinfo py-cpuinfo; Crypto pycryptodome; Cryptodome
    pycryptodomex; cudf cudf-cu12; cuml cuml-cu12; cupy cupy-cuda12x; cv2 opencv-python;
    dateutil python-dateutil; discord discord-py; dns dnspython; docx python-docx; dotenv
    python-dotenv; faiss faiss-cpu; fitz pymupdf; gi pygobject; git gitpython; google.auth
    google-auth; google.cloud.bigquery google-cloud-bigquery; google.cloud.storage
    google-cloud-storage; google.genai google-genai; google.generativeai google-generativeai;
    google.protobuf protobuf; googleapiclient google-api-python-client; grpc grpcio; hydra
    hydra-core; imblearn imbalanced-learn; IPython ipython; iterstrat iterative-stratification;
    jose python-jose; jpype jpype1; jwt pyjwt; ldap python-ldap; Levenshtein levenshtein; magic
    python-magic; markdown_it markdown-it-py; MeCab mecab-python3; memcache python-memcached;
    mpl_toolkits matplotlib; multipart python-multipart; MySQLdb mysqlclient; nacl pynacl; odf
    odfpy; OpenGL pyopengl; OpenSSL pyopenssl; osgeo gdal; paddle paddlepaddle; PIL pillow;
    pkg_resources setuptools; pl_bolts lightning-bolts; pptx python-pptx; psycopg2
    psycopg2-binary; pylab matplotlib; pymysql pymysql; pynvml nvidia-ml-py; pythoncom pywin32;
    pywt pywavelets; pyximport cython; rest_framework djangorestframework; ruamel.yaml
    ruamel-yaml; scikitplot scikit-plot; serial pyserial; skimage scikit-image; sklearn
    scikit-learn; skmultilearn scikit-multilearn; skopt scikit-optimize; slugify python-slugify;
    snappy python-snappy; socks pysocks; surprise scikit-surprise; telegram python-telegram-bot;
    tlz toolz; umap umap-learn; usb pyusb; websocket websocket-client; win32api pywin32;
    win32com pywin32; wx wxpython; Xlib python-xlib; yaml pyyaml; zmq pyzmq
"""
_TABLE: dict[str, str] = dict(row.split() for row in _WORDS.split(";"))
_ON_KAGGLE_ALONE = frozenset({"kaggle_secrets", "kaggle_datasets", "kaggle_web_client"})
_SHARED = frozenset({"google"})  # a folder of many distributions: its own name is none of them
_NAME_IT = "install it before bundling, or name it in a block `# /// script` of the entry"


def name_known_distribution(module: str) -> str | None:
    """A dotted module -> the usual distribution's name, or None for one that is not well known."""
    parts = module.split(".")
    for end in range(len(parts), 0, -1):
        found = _TABLE.get(".".join(parts[:end]))
        if found:
            return found
    top = parts[0]
    is_one = top in KAGGLE_MODULES - _ON_KAGGLE_ALONE - _SHARED
    return normalize_name(top) if is_one else None


def find_dependencies(
    graph: Graph, installed: Installed, is_told: bool
) -> tuple[list[str], list[Difference]]:
    """(what an entry reaches, what is installed, whether doubts are told) -> (names, doubts).

    The names are those of the distributions that its imports from elsewhere need, sorted. Imports
    that the program can do without, and those for type checkers alone, need none. Of a package
    that is not installed here either, only an import that always runs is a doubt.
    """
    names: set[str] = set()
    doubts: dict[str, Difference] = {}
    for top, importer, how in graph.external:
        if how.when in ("optional", "typing") or name_origin(top) == "standard library":
            continue
        if top in _ON_KAGGLE_ALONE or how.module.startswith("google.colab"):
            continue
        for module in [f"{how.module}.{name}" for name in how.names] or [how.module]:
            name, why = _name_distribution(module, installed)
            if name:
                names.add(name)
            elif is_told and (how.when == "load" or installed.find_providers(module)):
                what = f"the block of dependencies leaves {top} out: {why}"
                place = graph.modules[importer].path, how.line
                doubts.setdefault(top, Difference(*place, what, _NAME_IT))
    return sorted(names), [doubts[top] for top in sorted(doubts)]


def _name_distribution(module: str, installed: Installed) -> tuple[str, str]:
    """A dotted name -> (the distribution as a dependency, or "", why it is not known)."""
    usual = name_known_distribution(module)
    providers = {normalize_name(one.name): one for one in installed.find_providers(module)}
    if not providers:
        return usual or "", "no distribution on PyPI is known to hold it"
    top = normalize_name(module.partition(".")[0])
    first = min(providers, key=_shortest)
    name = next((one for one in (usual, top) if one in providers), first)
    return _refer_to(name, providers[name])


def _shortest(name: str) -> tuple[int, str]:
    return len(name), name


def _refer_to(name: str, found: Distribution) -> tuple[str, str]:
    """A distribution -> how a dependency names it: where it came from, if from no index."""
    url = found.origin.get("url", "")
    if "vcs_info" in found.origin:
        kind = found.origin["vcs_info"]
        return f"{name} @ {kind['vcs']}+{url}@{kind['commit_id']}", ""
    if url.startswith("https://"):
        return f"{name} @ {url}", ""
    return ("", "it was installed from a folder of this machine") if url else (name, "")
