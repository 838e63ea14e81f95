import pytest

from inlay.app.server import check_port
from inlay.errors import InlayError


@pytest.mark.stranger("A.3")
@pytest.mark.parametrize("port", [80808, 0, -1, 65536])
def test_what_is_no_port_is_a_message(port):
    with pytest.raises(InlayError, match=f"--port {port}: ports are from 1 to 65535"):
        check_port(port)
