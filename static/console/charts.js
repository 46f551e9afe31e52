// Lines over time, for board.js and report.js: in the colours of the page, each with its own dashes.
"use strict";

const CHART_HEIGHT = 180;
const CHART_DASHES = [[], [6, 3], [2, 3], [10, 3, 2, 3], [1, 2], [12, 4]];
const CHART_COLOURS = ["--c-info", "--c-good", "--c-bad", "--c-warn", "--c-accent", "--c-soft"];
const compactNumber = new Intl.NumberFormat(document.documentElement.lang, {
  notation: "compact", maximumFractionDigits: 1,
});

// ``times`` in seconds, of each series the ``label`` and the ``values``; ``atAxis`` and ``inLegend``
// write a time, ``steps`` are the seconds that may be between two times of the axis.
function drawLines(place, { times, series, timeLabel, atAxis, inLegend, steps }) {
  const colours = getComputedStyle(place);
  const colour = (name) => colours.getPropertyValue(name).trim();
  const axis = {
    stroke: colour("--c-soft"), grid: { stroke: colour("--c-line"), width: 1 }, ticks: { show: false },
    font: "12px sans-serif",
  };
  return new uPlot({
    width: place.clientWidth,
    height: CHART_HEIGHT,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1000), "Asia/Seoul"),
    cursor: { y: false },
    scales: { y: { range: (_plot, _least, most) => [0, Math.max(1, most * 1.1)] } },
    axes: [
      { ...axis, values: (_plot, shown) => shown.map(atAxis), space: 64, ...(steps && { incrs: steps }) },
      { ...axis, size: 48, values: (_plot, values) => values.map((value) => compactNumber.format(value)) },
    ],
    series: [
      { value: (_plot, time) => time === null ? "–" : inLegend(time), label: timeLabel },
      ...series.map(({ label }, i) => ({
        label, stroke: colour(CHART_COLOURS[i % CHART_COLOURS.length]), width: 2,
        dash: CHART_DASHES[i % CHART_DASHES.length], spanGaps: false,
        value: (_plot, value) => value === null ? "–" : compactNumber.format(value),
      })),
    ],
  }, [times, ...series.map(({ values }) => values)], place);
}

function resizeLines(plot, place) {
  plot?.setSize({ width: place.clientWidth, height: CHART_HEIGHT });
}
