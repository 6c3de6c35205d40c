// Entry, stop and targets of the analysts' opinions, as lines over the candles.
import { LineStyle } from "../vendor/lightweight-charts-5.2.1.mjs";

export function drawLevels(price, levels, colors, isNarrow) {
  const shown = levels.flatMap((one) => {
    const by = isNarrow ? "" : `, ${one.analyst}`; // the table below says whose they are
    return [
      ...line(one.entry, `entry${by}`, colors.text, LineStyle.Solid),
      ...line(one.stop, `stop${by}`, colors.loss, LineStyle.Dashed),
      ...one.targets.flatMap((target, at) => line(target, `target ${at + 1}${by}`, colors.profit, LineStyle.Dashed)),
    ];
  });
  for (const level of shown) price.createPriceLine(level);
  price.applyOptions({ autoscaleInfoProvider: (usual) => widened(usual(), shown.map((level) => level.price)) });
}

function line(price, title, color, lineStyle) {
  return price === null ? [] : [{ price: Number(price), title, color, lineStyle, lineWidth: 1, axisLabelVisible: true }];
}

// Levels outside the candles' own range must be seen, too.
function widened(found, prices) {
  if (!found || !found.priceRange || !prices.length) return found;
  const { minValue, maxValue } = found.priceRange;
  return { ...found, priceRange: { minValue: Math.min(minValue, ...prices), maxValue: Math.max(maxValue, ...prices) } };
}
