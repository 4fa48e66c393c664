// A colour map that is perceptually uniform by construction: lightness rises in equal steps of OKLab.

/** OKLCH (lightness 0-1, chroma, hue in degrees) to linear sRGB. Ottosson, "A perceptual color space", 2020. */
function oklchToLinear(lightness, chroma, hue) {
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

/** sRGB bytes of an OKLCH colour; one that no screen shows loses chroma, never lightness. */
function oklchToSrgb(lightness, chroma, hue) {
  let linear = oklchToLinear(lightness, chroma, hue);
  for (let less = chroma; linear.some((part) => part < 0 || part > 1); linear = oklchToLinear(lightness, less, hue)) less *= 0.99;
  return linear.map((part) => Math.round(255 * (part <= 0.0031308 ? 12.92 * part : 1.055 * part ** (1 / 2.4) - 0.055)));
}

/** 256 colours as canvas pixels (little-endian RGBA), dark violet over teal to pale yellow. */
export function makeColorMap() {
  const pixels = new Uint32Array(256);
  for (let step = 0; step < 256; step += 1) {
    const t = step / 255;
    const hue = 300 - 195 * t;
    const chroma = 0.07 + 0.085 * Math.sin(Math.PI * (0.12 + 0.8 * t));
    const [red, green, blue] = oklchToSrgb(0.24 + 0.7 * t, chroma, hue);
    pixels[step] = (255 << 24) | (blue << 16) | (green << 8) | red;
  }
  return pixels;
}

/** A sub-carrier without energy: outside the map, darker than its lowest colour. */
export const NULL_PIXEL = ((255 << 24) | (0x12 << 16) | (0x0d << 8) | 0x0b) >>> 0;
