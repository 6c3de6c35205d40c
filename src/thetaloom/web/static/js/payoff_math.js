// Profit and loss of a structure in dollars: exact at expiration, by Black-Scholes before, each leg at its own
// volatility. A trade is what the server wrote: legs with ratio, call, strike, years, iv, early; net per share
// (a credit positive), quantity, multiplier, rate, yield.

// The normal distribution by Hart's rational approximation, as West published it: double precision in both tails.
const UPPER = [0.0352624965998911, 0.700383064443688, 6.37396220353165, 33.912866078383, 112.079291497871, 221.213596169931, 220.206867912376];
const LOWER = [0.0883883476483184, 1.75566716318264, 16.064177579207, 86.7807322029461, 296.564248779674, 637.333633378831, 793.826512519948, 440.413735824752];
const HALF_ROOT = 7.07106781186547;
const ROOT_TWO_PI = 2.506628274631;

export function normalCdf(x) {
  const size = Math.abs(x);
  if (size > 37) return x > 0 ? 1 : 0;
  const bell = Math.exp((-size * size) / 2);
  let tail;
  if (size < HALF_ROOT) {
    const sum = (numbers) => numbers.reduce((total, number) => total * size + number, 0);
    tail = (bell * sum(UPPER)) / sum(LOWER);
  } else {
    const fraction = size + 1 / (size + 2 / (size + 3 / (size + 4 / (size + 0.65))));
    tail = bell / fraction / ROOT_TWO_PI;
  }
  return x > 0 ? 1 - tail : tail;
}

export function intrinsic(leg, spot) {
  return Math.max(leg.call ? spot - leg.strike : leg.strike - spot, 0);
}

// European, with a continuous yield.
export function price(leg, spot, years, rate, dividends, iv) {
  if (years <= 0) return intrinsic(leg, spot);
  const stock = spot * Math.exp(-dividends * years);
  const cash = leg.strike * Math.exp(-rate * years);
  const spread = iv * Math.sqrt(years);
  if (spread <= 0 || spot <= 0) return Math.max(leg.call ? stock - cash : cash - stock, 0);
  const d1 = Math.log(stock / cash) / spread + spread / 2;
  const side = leg.call ? 1 : -1;
  return side * (stock * normalCdf(side * d1) - cash * normalCdf(side * (d1 - spread)));
}

// How long the leg that ends first lives.
export function life(trade) {
  return Math.min(...trade.legs.map((leg) => leg.years));
}

// With `passed` years gone and every volatility `shift` points (0.01 is one) away from its own.
export function profit(trade, spot, passed, shift = 0) {
  let worth = trade.net;
  for (const leg of trade.legs) {
    const left = leg.years - passed;
    const model = price(leg, spot, left, trade.rate, trade.yield, Math.max(leg.iv + shift, 0.001));
    worth += leg.ratio * (leg.early ? Math.max(model, intrinsic(leg, spot)) : model);
  }
  return worth * trade.multiplier * trade.quantity;
}

export function atExpiration(trade, spot) {
  return profit(trade, spot, life(trade));
}

export function endsTogether(trade) {
  return trade.legs.every((leg) => leg.years === trade.legs[0].years);
}

// Most profit, most loss (positive) and breakevens at expiration; null is unlimited. Of legs that end together.
export function extremes(trade) {
  const knots = [0, ...new Set(trade.legs.map((leg) => leg.strike))].sort((a, b) => a - b);
  const ends = knots.map((knot) => atExpiration(trade, knot));
  const scale = trade.multiplier * trade.quantity;
  const slope = trade.legs.reduce((sum, leg) => sum + (leg.call ? leg.ratio : 0), 0) * scale;
  const top = Math.max(...ends);
  const bottom = Math.min(...ends);
  return {
    profit: slope > 0 ? null : top,
    loss: slope < 0 ? null : Math.max(-bottom, 0),
    breakevens: roots(knots, ends, slope),
  };
}

function roots(knots, ends, slope) {
  const found = [];
  for (let at = 0; at < knots.length; at += 1) {
    if (ends[at] === 0 && knots[at] > 0) found.push(knots[at]);
    if (at + 1 < knots.length && ends[at] * ends[at + 1] < 0) {
      found.push(knots[at] + ((knots[at + 1] - knots[at]) * ends[at]) / (ends[at] - ends[at + 1]));
    }
  }
  const last = knots.length - 1;
  if (ends[last] * slope < 0) found.push(knots[last] - ends[last] / slope);
  return found;
}
