"""What plots of several panels return."""

import matplotlib.pyplot as plt

from kompot_scverse.pl import Panels


def test_the_figure_is_the_outermost_one():
    figure = plt.figure()
    left, _ = figure.subfigures(1, 2)
    assert Panels({"a": left.subplots()}).figure is figure
