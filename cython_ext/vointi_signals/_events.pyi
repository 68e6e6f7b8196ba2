import numpy as np

EVENT_DTYPE: np.dtype[np.void]
