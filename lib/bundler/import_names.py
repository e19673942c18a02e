"""A module's name -> the distribution on PyPI that holds it, where the two names differ."""

from lib.bundler.distributions import normalize_name
from lib.bundler.kaggle_packages import KAGGLE_MODULES

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
# Parts of Kaggle's image that no index has, and a folder that many distributions share.
_NOWHERE = frozenset({"google", "kaggle_secrets", "kaggle_datasets", "kaggle_web_client"})


def name_known_distribution(module: str) -> str | None:
    """A dotted module -> the usual distribution's name, or None for one that is not well known."""
    parts = module.split(".")
    for end in range(len(parts), 0, -1):
        found = _TABLE.get(".".join(parts[:end]))
        if found:
            return found
    top = parts[0]
    return normalize_name(top) if top in KAGGLE_MODULES - _NOWHERE else None
