"""The page: ``inlay app`` shows it on this machine; a picture is loaded, its hole painted, filled and compared.

Nothing here needs Gradio before :mod:`inlay.app.page` is imported.
"""
