// How far apart colours are for those who see all of them, and for the colour-blind: Machado 2009, CIE76.
const VISION: Record<string, number[][]> = {
  all: [[1, 0, 0], [0, 1, 0], [0, 0, 1]],
  deuteranopia: [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
  protanopia: [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
  tritanopia: [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
};
const WHITE = [0.9505, 1, 1.089];
const TO_XYZ = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]];

const times = (matrix: number[][], vector: number[]) =>
  matrix.map((row) => row.reduce((sum, factor, at) => sum + factor * vector[at], 0));

function lab(hex: string, vision: string): number[] {
  const linear = [1, 3, 5]
    .map((at) => parseInt(hex.slice(at, at + 2), 16) / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  const seen = times(VISION[vision], linear).map((part) => Math.min(1, Math.max(0, part)));
  const [x, y, z] = times(TO_XYZ, seen)
    .map((part, at) => part / WHITE[at])
    .map((part) => (part > 0.008856 ? Math.cbrt(part) : 7.787 * part + 16 / 116));
  return [116 * y - 16, 500 * (x - y), 200 * (y - z)];
}

/** Return the smallest distance of two of these colours, and whose eyes it is for. */
export function closest(colors: Record<string, string>): { distance: number; pair: string; vision: string } {
  const names = Object.keys(colors);
  const found = Object.keys(VISION).flatMap((vision) =>
    names.flatMap((one, at) =>
      names.slice(at + 1).map((other) => {
        const [a, b] = [lab(colors[one], vision), lab(colors[other], vision)];
        const distance = Math.hypot(...a.map((part, index) => part - b[index]));
        return { distance: Math.round(distance * 10) / 10, pair: `${one} and ${other}`, vision };
      })
    )
  );
  return found.sort((a, b) => a.distance - b.distance)[0];
}
