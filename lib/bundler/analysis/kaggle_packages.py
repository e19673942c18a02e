"""A top-level module's name -> its origin: the standard library, Kaggle's image or unknown."""

import sys

# Modules in common use of Kaggle's Python image (github.com/Kaggle/docker-python).
_COMMON = """
    absl accelerate aiohttp albumentations altair annoy arrow attr attrs av bayes_opt black
    bleach bokeh boto3 bottleneck bqplot bs4 cartopy catboost category_encoders certifi cffi
    charset_normalizer click cloudpickle cmaes colorama colorlog cuml cupy cv2 cycler cython dask
    datasets dateutil deap decord dill distributed docker easyocr einops emoji eli5 evaluate
    fastai fastcore fastparquet fasttext featuretools filelock flask flax folium fsspec gensim
    geopandas geopy gluonts google googleapiclient grpc gym gymnasium h2o h5py haversine hmmlearn
    httpx huggingface_hub hyperopt idna igraph imageio imblearn imgaug implicit IPython ipywidgets
    jax jaxlib jedi jieba jinja2 joblib jsonschema jupyter kaggle kaggle_environments
    kaggle_secrets kagglehub keras keras_tuner kornia langdetect langid librosa lightgbm lightning
    lime llvmlite lxml lz4 markdown markupsafe matplotlib missingno ml_dtypes mlxtend mne
    more_itertools mpmath msgpack multidict nbformat networkx nibabel nilearn nltk notebook numba
    numexpr numpy onnx openpyxl opt_einsum optax optuna orjson osgeo packaging pandas
    pandas_profiling papermill path pathos patsy peft PIL pip pkg_resources platformdirs plotly
    plotnine polars prompt_toolkit prophet psutil pyarrow pyasn1 pycocotools pycountry pycparser
    pydantic pydicom pydot pyfasttext pygments pykalman pymc pynvml pyparsing pypdf pytest
    pytesseract pytorch_lightning pytz pywt yaml rasterio regex requests rich s3fs sacrebleu
    safetensors scikitplot scipy seaborn segment_anything sentence_transformers sentencepiece
    setuptools shap shapely simpleitk six skimage sklearn skopt spacy sqlalchemy sqlparse squarify
    stable_baselines3 statsmodels stumpy surprise sympy tables tabulate tenacity tensorboard
    tensorflow tensorflow_datasets tensorflow_hub tensorflow_probability termcolor textblob tf_keras
    theano thinc threadpoolctl tifffile tiktoken timm tokenizers toml tomli toolz torch torchao
    torchaudio torchinfo torchmetrics torchtext torchtune torchvision tornado tpot tqdm
    transformers trax triton typer typing_extensions tzdata umap unidecode urllib3 vaderSentiment
    wandb websockets wheel wordcloud wrapt xarray xgboost xlrd yarl ydata_profiling yellowbrick
"""
KAGGLE_MODULES = frozenset(_COMMON.split())


def name_origin(top: str) -> str:
    """A top-level name -> "standard library", "Kaggle's image" or "not known on Kaggle"."""
    if top in sys.stdlib_module_names or top in sys.builtin_module_names or top == "__main__":
        return "standard library"
    return "Kaggle's image" if top in KAGGLE_MODULES else "not known on Kaggle"
