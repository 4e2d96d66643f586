"use strict";

(async () => {
  const place = document.getElementById("chart");
  if (!place) return;
  const response = await fetch(place.dataset.series, { credentials: "same-origin" });
  if (!response.ok) {
    place.textContent = `${response.status} ${response.statusText}`;
    return;
  }
  const { points } = await response.json();
  if (points.length === 0) {
    place.textContent = place.dataset.empty;
    return;
  }
  const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  const rules = JSON.parse(place.dataset.rules);
  const marks = JSON.parse(place.dataset.alerts).map((at, number) => ({
    xAxis: at,
    lineStyle: { color: colour(rules[number] === "positive_news" ? "--good" : "--bad") },
  }));
  const axis = { axisLabel: { color: colour("--muted") }, splitLine: { lineStyle: { color: colour("--line") } } };
  const chart = echarts.init(place, null, { renderer: "canvas" });
  chart.setOption({
    animation: false,
    textStyle: { fontFamily: "inherit" },
    tooltip: { trigger: "axis", renderMode: "richText" },
    legend: { top: 0, textStyle: { color: colour("--ink") } },
    grid: { left: 48, right: 48, top: 40, bottom: 56 },
    dataZoom: [{ type: "inside" }, { type: "slider", height: 18, bottom: 8 }],
    xAxis: { type: "time", ...axis, splitLine: { show: false } },
    yAxis: [
      { type: "value", min: -1, max: 1, ...axis },
      { type: "value", ...axis, splitLine: { show: false }, minInterval: 1 },
    ],
    series: [
      {
        name: place.dataset.sentiment,
        type: "line",
        showSymbol: true,
        symbolSize: 4,
        connectNulls: true,
        itemStyle: { color: colour("--accent") },
        data: points.map((point) => [point.start, point.sentiment]),
        markLine: {
          symbol: ["none", "triangle"],
          symbolSize: 9,
          label: { show: false },
          data: marks,
        },
      },
      {
        name: place.dataset.volume,
        type: "bar",
        yAxisIndex: 1,
        barMaxWidth: 6,
        itemStyle: { color: colour("--muted"), opacity: 0.45 },
        data: points.map((point) => [point.start, point.volume]),
      },
    ],
  });
  window.addEventListener("resize", () => chart.resize());
})();
