// Draws profit and loss against the price on a canvas: at expiration, on a chosen day, and now.
import { atExpiration, life, profit } from "./payoff_math.js";

const POINTS = 160;
const PAD = { left: 64, right: 12, top: 14, bottom: 26 };
const TOKENS = { end: "--color-text", day: "--color-caution", now: "--color-accent", up: "--color-profit", down: "--color-loss", line: "--color-border", dim: "--color-dim", spot: "--color-quiet" };

// Returns draw({passed, shift, spot, at}); `at` is the price that is pointed at.
export function payoffChart(canvas, trade) {
  const context = canvas.getContext("2d");
  const prices = Array.from({ length: POINTS + 1 }, (_, step) => trade.low + ((trade.high - trade.low) * step) / POINTS);
  for (const leg of trade.legs) prices.push(leg.strike); // a kink is drawn where it is
  prices.sort((a, b) => a - b);
  let colors = {};
  let size = { width: 0, height: 0 };

  function fit() {
    const style = getComputedStyle(canvas);
    colors = Object.fromEntries(Object.entries(TOKENS).map(([name, token]) => [name, style.getPropertyValue(token).trim()]));
    const ratio = devicePixelRatio || 1;
    size = { width: canvas.clientWidth, height: canvas.clientHeight };
    canvas.width = size.width * ratio;
    canvas.height = size.height * ratio;
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.font = `12px ${style.fontFamily}`;
  }

  function draw({ passed, shift, spot, at }) {
    const ends = prices.map((one) => atExpiration(trade, one));
    const days = prices.map((one) => profit(trade, one, passed, shift));
    const nows = prices.map((one) => profit(trade, one, 0, shift));
    const top = Math.max(0, ...ends, ...days, ...nows);
    const bottom = Math.min(0, ...ends, ...days, ...nows);
    const x = (one) => PAD.left + ((one - trade.low) / (trade.high - trade.low)) * (size.width - PAD.left - PAD.right);
    const y = (one) => PAD.top + ((top - one) / (top - bottom || 1)) * (size.height - PAD.top - PAD.bottom);
    context.clearRect(0, 0, size.width, size.height);
    area(ends, y(0), (one) => one > 0, colors.up);
    area(ends, y(0), (one) => one < 0, colors.down);
    level(x(trade.low), y(0), x(trade.high), y(0), colors.dim, []);
    level(x(spot), PAD.top, x(spot), size.height - PAD.bottom, colors.spot, [5, 4]);
    level(x(at), PAD.top, x(at), size.height - PAD.bottom, colors.line, []);
    curve(nows, colors.now, [2, 3]);
    curve(days, colors.day, [7, 3]);
    curve(ends, colors.end, []);
    labels();

    function area(curveOf, zero, inside, color) {
      context.beginPath();
      context.moveTo(x(prices[0]), zero);
      curveOf.forEach((one, step) => context.lineTo(x(prices[step]), inside(one) ? y(one) : zero));
      context.lineTo(x(prices[prices.length - 1]), zero);
      context.globalAlpha = 0.18;
      context.fillStyle = color;
      context.fill();
      context.globalAlpha = 1;
    }

    function curve(curveOf, color, dash) {
      context.beginPath();
      curveOf.forEach((one, step) => context.lineTo(x(prices[step]), y(one)));
      stroke(color, dash, 2);
    }

    function level(x1, y1, x2, y2, color, dash) {
      context.beginPath();
      context.moveTo(x1, y1);
      context.lineTo(x2, y2);
      stroke(color, dash, 1);
    }

    function stroke(color, dash, width) {
      context.setLineDash(dash);
      context.lineWidth = width;
      context.strokeStyle = color;
      context.stroke();
    }

    function labels() {
      context.fillStyle = colors.dim;
      context.textAlign = "right";
      for (const one of [top, 0, bottom]) context.fillText(`${one < 0 ? "−" : ""}$${Math.abs(one).toFixed(0)}`, PAD.left - 6, y(one) + 4);
      context.textAlign = "center";
      const room = (trade.high - trade.low) / 5;
      for (let one = trade.low + room / 2; one < trade.high; one += room) context.fillText(one.toFixed(1), x(one), size.height - 8);
    }
  }

  function priceAt(pixel) {
    const share = (pixel - PAD.left) / (size.width - PAD.left - PAD.right);
    return trade.low + Math.min(Math.max(share, 0), 1) * (trade.high - trade.low);
  }

  fit();
  return { draw, fit, priceAt };
}
