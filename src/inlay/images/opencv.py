"""OpenCV, with a remedy where it cannot be loaded."""

try:
    import cv2
except ImportError as error:  # opencv-python without the libraries of a desktop
    raise ImportError(
        f"OpenCV could not be loaded ({error}). On Debian: apt install libgl1 libglib2.0-0; "
        "or replace opencv-python by opencv-python-headless."
    ) from error

cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_ERROR)  # what matters is raised as an error, with the path

__all__ = ["cv2"]
