"""One module a subject: ``NAME``, ``run(settings) -> list[Row]`` and, where wanted, ``figures``.

``figures(settings, folder) -> list[Path]`` draws what the documentation shows. ``NAME`` is the
module's own name.
"""
