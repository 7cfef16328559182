// Sprite numbers + sprites -> pixels, byte for byte as native/compose.py draws them.
//
//   const painter = await Painter.of(book);  painter.paint(numbers)  ->  ImageData of the whole frame
//
// Pixels are 32-bit words, copied row by row; nothing is scaled, blended or colour-managed.

const bytesOf = (base64) => Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));

async function pixelsOf(base64) {
  const options = { colorSpaceConversion: "none", premultiplyAlpha: "none" };
  const picture = await createImageBitmap(new Blob([bytesOf(base64)], { type: "image/png" }), options);
  const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d", { willReadFrequently: true });
  context.drawImage(picture, 0, 0);
  const { data, width, height } = context.getImageData(0, 0, picture.width, picture.height);
  return { words: new Uint32Array(data.buffer), width, height };
}

class Painter {
  static async of(book) {
    const sheets = {};
    for (const grid of book.layout.grids) {
      const { png, across } = book.sheets[grid.name];
      sheets[grid.name] = { ...(await pixelsOf(png)), across };
    }
    return new Painter(book.layout, (await pixelsOf(book.background)).words, sheets);
  }

  constructor(layout, background, sheets) {
    Object.assign(this, { layout, background, sheets });
    this.image = new ImageData(layout.width, layout.height);
    this.words = new Uint32Array(this.image.data.buffer);
  }

  // `numbers`: for each grid its sprites, then for each that jitters its offsets, then the seed of the noise (low, high).
  paint(numbers) {
    const { grids, noise } = this.layout;
    let moves = grids.reduce((sum, grid) => sum + grid.rows * grid.cols, 0);
    let place = 0;
    this.words.set(this.background);
    for (const grid of grids) {
      const count = grid.rows * grid.cols;
      for (let cell = 0; cell < count; cell++) {
        const number = numbers[place + cell];
        if (grid.overlay) this.mark(grid, cell, number);
        else if (grid.jitter) this.move(grid, cell, number, numbers[moves + 2 * cell], numbers[moves + 2 * cell + 1]);
        else this.copy(grid, cell, number);
      }
      place += count;
      if (grid.jitter) moves += 2 * count;
    }
    if (noise) speckle(this.image.data, noise, numbers[moves], numbers[moves + 1]);
    return this.image;
  }

  // Where a cell's pixels begin in the frame, and its sprite's in the sheet.
  corners(grid, cell, number) {
    const sheet = this.sheets[grid.name];
    const row = Math.floor(cell / grid.cols), down = Math.floor(number / sheet.across);
    const to = (grid.top + row * grid.height) * this.layout.width + grid.left + (cell % grid.cols) * grid.width;
    return { to, from: down * grid.height * sheet.width + (number % sheet.across) * grid.width, sheet };
  }

  copy(grid, cell, number) {
    const { to, from, sheet } = this.corners(grid, cell, number);
    for (let line = 0; line < grid.height; line++) {
      const start = from + line * sheet.width;
      this.words.set(sheet.words.subarray(start, start + grid.width), to + line * this.layout.width);
    }
  }

  // What is moved out of a cell is lost; what it leaves behind repeats the sprite's outermost pixels.
  move(grid, cell, number, down, right) {
    const { to, from, sheet } = this.corners(grid, cell, number);
    const within = (value, size) => Math.min(Math.max(value, 0), size - 1);
    for (let line = 0; line < grid.height; line++) {
      const start = from + within(line - down, grid.height) * sheet.width;
      const target = to + line * this.layout.width;
      for (let x = 0; x < grid.width; x++) {
        this.words[target + x] = sheet.words[start + within(x - right, grid.width)];
      }
    }
  }

  // Sprite 0 and black pixels leave what is below them.
  mark(grid, cell, number) {
    if (number === 0) return;
    const { to, from, sheet } = this.corners(grid, cell, number);
    for (let line = 0; line < grid.height; line++) {
      for (let x = 0; x < grid.width; x++) {
        const word = sheet.words[from + line * sheet.width + x];
        if (word & 0x00ffffff) this.words[to + line * this.layout.width + x] = word;
      }
    }
  }
}

// SplitMix64 in halves of 32 bits. The upper half of a product of two such halves comes from the double that is its
// rounded value: less the exact lower half it is a multiple of 2**32, up to an error far below one half of that.
const upper = (a, b, low) => ((a * b - low) * 2 ** -32 + 0.5) >>> 0;

// Noise of -most .. most on each byte of red, green and blue, cut off at 0 and 255. Eight bytes share one random word.
function speckle(data, most, low, high) {
  const shift = Int16Array.from({ length: 256 }, (_, byte) => ((byte * (2 * most + 1)) >> 8) - most);
  const word = new Uint32Array(2);
  const noise = new Uint8Array(word.buffer);
  for (let pixel = 0, next = 8; pixel < data.length; pixel += 4) {
    for (let channel = pixel; channel < pixel + 3; channel++) {
      if (next === 8) {
        const sum = low + 0x7f4a7c15;
        high = (high + 0x9e3779b9 + (sum > 0xffffffff ? 1 : 0)) >>> 0;
        low = sum >>> 0;
        mix(low, high, word);
        next = 0;
      }
      data[channel] += shift[noise[next++]]; // clamped by the array's kind
    }
  }
}

// native/rng.py's mix: two rounds of shift, xor and multiply, then shift and xor.
function mix(low, high, word) {
  let a = (low ^ ((low >>> 30) | (high << 2))) >>> 0, b = (high ^ (high >>> 30)) >>> 0;
  let product = Math.imul(a, 0x1ce4e5b9) >>> 0;
  b = (upper(a, 0x1ce4e5b9, product) + Math.imul(a, 0xbf58476d) + Math.imul(b, 0x1ce4e5b9)) >>> 0;
  a = (product ^ ((product >>> 27) | (b << 5))) >>> 0;
  b = (b ^ (b >>> 27)) >>> 0;
  product = Math.imul(a, 0x133111eb) >>> 0;
  b = (upper(a, 0x133111eb, product) + Math.imul(a, 0x94d049bb) + Math.imul(b, 0x133111eb)) >>> 0;
  word[0] = product ^ ((product >>> 31) | (b << 1));
  word[1] = b ^ (b >>> 31);
}
