// An answer in words that claims no more than the network knows: those of thumbnet's answer.py.

const SURE = 0.9;
const NUMBERS = "no one two three four five six seven eight nine ten eleven twelve".split(" ");
const TAKES_AN = /^(?:(?!uni|eu|use|one)[aeiou]|8|1[18]$)/i;

/** { scores, abstained } → "a cat, 97 % sure", "probably a dog, 61 %", "none of my ten classes, I think — …". */
export function describe({ scores, abstained }) {
  const [{ label, probability }] = scores;
  const best = `${withArticle(label)}, ${percent(probability)}`;
  if (abstained) return `none of my ${count(scores.length)} classes, I think — closest: ${best}`;
  if (probability >= SURE) return `${best} sure`;
  return `${probability >= 0.5 ? "probably" : "perhaps"} ${best}`;
}

export function withArticle(label) {
  const words = plain(label);
  return `${TAKES_AN.test(words) ? "an" : "a"} ${words}`;
}

export const plain = (label) => label.replaceAll("_", " ");

/** Whole per cent; never 100 or 0 %, which no network can promise. */
export function percent(probability) {
  if (probability > 0.995) return "over 99\u00a0%";
  return probability >= 0.005 ? `${(100 * probability).toFixed(0)}\u00a0%` : "under 1\u00a0%";
}

export const count = (number) => NUMBERS[number] ?? String(number);
