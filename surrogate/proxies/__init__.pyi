from .measuring import Measured as Measured
from .measuring import measure as measure
from .measuring import proxies as proxies
from .minibatch import Minibatch as Minibatch
from .ranks import within_ranks as within_ranks
from .registry import PROXIES as PROXIES
from .registry import WORST as WORST
from .scorer import ProxyScorer as ProxyScorer
