from .api import import_experience as import_experience
from .api import inspect as inspect
from .api import load as load
from .api import predict as predict
from .api import probe as probe
from .api import search as search
from .api import train as train
from .database import Database as Database
from .estimator import ImageClassifier as ImageClassifier
from .resizing import grow as grow
from .resizing import shrink as shrink
from .sequences import predict_cells as predict_cells
from .sequences import search_cells as search_cells
from .sequences import train_cells as train_cells
from .session import Session as Session

__version__: str
