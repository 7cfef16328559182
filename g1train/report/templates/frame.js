// Sprite numbers + sprites -> pixels, byte for byte as native/compose.py and native/noise.py draw them.
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
    return new Painter(book.layout, (await pixelsOf(book.background)).words, sheets, book.distractors);
  }

  constructor(layout, background, sheets, distractors) {
    Object.assign(this, { layout, background, sheets, distractors });
    this.image = new ImageData(layout.width, layout.height);
    this.words = new Uint32Array(this.image.data.buffer);
  }

  // `numbers`: the sprites of each grid but those that lie over others; then the seed of what else there is.
  paint(numbers) {
    const { grids, noise } = this.layout;
    const seed = numbers.slice(-2);
    let place = 0;
    this.words.set(this.background);
    for (const grid of grids) {
      const random = grid.overlay ? Random.child(seed, MARKS) : grid.jitter ? Random.child(seed, OFFSETS) : null;
      const shift = () => random.below(2 * grid.jitter + 1) - grid.jitter;
      for (let cell = 0; cell < grid.rows * grid.cols; cell++) {
        if (grid.overlay) this.mark(grid, cell, random.below(100) < this.distractors, 1 + random.below(grid.num_sprites - 1));
        else if (grid.jitter) this.move(grid, cell, numbers[place++], shift(), shift());
        else this.copy(grid, cell, numbers[place++]);
      }
    }
    if (noise) speckle(this.image.data, noise, new Random(...seed));
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

  // Black pixels leave what is below them.
  mark(grid, cell, there, number) {
    if (!there) return;
    const { to, from, sheet } = this.corners(grid, cell, number);
    for (let line = 0; line < grid.height; line++) {
      for (let x = 0; x < grid.width; x++) {
        const word = sheet.words[from + line * sheet.width + x];
        if (word & 0x00ffffff) this.words[to + line * this.layout.width + x] = word;
      }
    }
  }
}

// Noise of -most .. most on each byte of red, green and blue, cut off at 0 and 255. Eight bytes share one random word.
function speckle(data, most, random) {
  const shift = Int16Array.from({ length: 256 }, (_, byte) => ((byte * (2 * most + 1)) >> 8) - most);
  const noise = new Uint8Array(random.word.buffer);
  for (let pixel = 0, next = 8; pixel < data.length; pixel += 4) {
    for (let channel = pixel; channel < pixel + 3; channel++) {
      if (next === 8) {
        random.next();
        next = 0;
      }
      data[channel] += shift[noise[next++]]; // clamped by the array's kind
    }
  }
}

// ---- native/rng.py: SplitMix64, each word in two halves of 32 bits

const GOLDEN = [0x7f4a7c15, 0x9e3779b9], SPLIT = [0xde82ef95, 0xd1342543]; // lower half first
const OFFSETS = 1, MARKS = 2; // whose streams: native/noise.py

class Random {
  constructor(low, high) {
    Object.assign(this, { low, high, word: new Uint32Array(2) });
  }

  // `split`: the stream of child `index`.
  static child([low, high], index) {
    const salt = new Uint32Array(2), state = new Uint32Array(2);
    const scaled = (index + 1) * SPLIT[0];
    mix(scaled >>> 0, ((index + 1) * SPLIT[1] + Math.floor(scaled / 2 ** 32)) >>> 0, salt);
    const sum = ((low ^ SPLIT[0]) >>> 0) + salt[0];
    mix(sum >>> 0, ((high ^ SPLIT[1]) + salt[1] + (sum > 0xffffffff ? 1 : 0)) >>> 0, state);
    return new Random(...state);
  }

  next() {
    const sum = this.low + GOLDEN[0];
    this.high = (this.high + GOLDEN[1] + (sum > 0xffffffff ? 1 : 0)) >>> 0;
    this.low = sum >>> 0;
    mix(this.low, this.high, this.word);
  }

  below(bound) {
    this.next();
    return Math.floor((this.word[1] * bound) / 2 ** 32);
  }
}

// The upper half of a product of two halves comes from the double that is its rounded value: less the exact lower half
// it is a multiple of 2**32, up to an error far below one half of that.
const upper = (a, b, low) => ((a * b - low) * 2 ** -32 + 0.5) >>> 0;

// Two rounds of shift, xor and multiply, then shift and xor.
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
