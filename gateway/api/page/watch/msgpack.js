// MessagePack, the part of it that the device protocol uses: nil, booleans, numbers, strings, bytes, lists, maps.
// https://github.com/msgpack/msgpack/blob/master/spec.md

const DEPTH_MAX = 16;
const TWO_32 = 2 ** 32;

/** The shortest encoding of `value`. A number without a fraction becomes an integer, every other a float of 64 bits. */
export function encode(value) {
  const writer = new Writer();
  write(writer, value, 0);
  return writer.bytes.slice(0, writer.length);
}

/** The value that fills `bytes`, a Uint8Array. Throws RangeError for anything else, or what the part does not have. */
export function decode(bytes) {
  const reader = new Reader(bytes);
  const value = read(reader, 0);
  if (reader.offset !== bytes.length) throw new RangeError("something follows the message");
  return value;
}

class Writer {
  bytes = new Uint8Array(256);
  view = new DataView(this.bytes.buffer);
  length = 0;

  /** The offset of `count` further bytes. */
  grow(count) {
    const offset = this.length;
    this.length += count;
    if (this.length > this.bytes.length) {
      const larger = new Uint8Array(2 * this.length);
      larger.set(this.bytes);
      this.bytes = larger;
      this.view = new DataView(larger.buffer);
    }
    return offset;
  }

  put(byte) {
    const offset = this.grow(1); // which may replace `view`
    this.view.setUint8(offset, byte);
  }

  /** A tag, then `size` bytes of an unsigned or two's complement integer. */
  integer(tag, value, size) {
    const offset = this.grow(1 + size);
    this.view.setUint8(offset, tag);
    if (size === 8) this.view.setBigInt64(offset + 1, BigInt(value));
    else this.view[`setUint${8 * size}`](offset + 1, value);
  }

  append(bytes) {
    const offset = this.grow(bytes.length);
    this.bytes.set(bytes, offset);
  }
}

function write(writer, value, depth) {
  if (depth > DEPTH_MAX) throw new RangeError("too deep");
  if (value === null || value === undefined) writer.put(0xc0);
  else if (typeof value === "boolean") writer.put(value ? 0xc3 : 0xc2);
  else if (typeof value === "number") writeNumber(writer, value);
  else if (typeof value === "string") writeString(writer, value);
  else if (value instanceof Uint8Array) writeBytes(writer, value);
  else if (Array.isArray(value)) {
    writeCount(writer, value.length, 0x90, 0xdc);
    for (const each of value) write(writer, each, depth + 1);
  } else {
    const entries = Object.entries(value);
    writeCount(writer, entries.length, 0x80, 0xde);
    for (const [name, each] of entries) {
      writeString(writer, name);
      write(writer, each, depth + 1);
    }
  }
}

function writeNumber(writer, value) {
  if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
    const offset = writer.grow(9);
    writer.view.setUint8(offset, 0xcb);
    writer.view.setFloat64(offset + 1, value);
  } else if (value >= -32 && value < 128) writer.put(value & 0xff);
  else if (value >= 0) writeSized(writer, value, 0xcc, [0xff, 0xffff, TWO_32 - 1]);
  else writeSized(writer, value, 0xd0, [0x80, 0x8000, TWO_32 / 2]);
}

/** An integer under the first of four tags in a row, for 1, 2, 4 and 8 bytes, whose limit holds it. */
function writeSized(writer, value, tag, limits) {
  const found = limits.findIndex((limit) => (value < 0 ? -value : value) <= limit);
  const power = found < 0 ? 3 : found;
  writer.integer(tag + power, value, 2 ** power);
}

function writeString(writer, text) {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length < 32) writer.put(0xa0 | bytes.length);
  else writeSized(writer, bytes.length, 0xd9, [0xff, 0xffff, TWO_32 - 1]);
  writer.append(bytes);
}

function writeBytes(writer, bytes) {
  writeSized(writer, bytes.length, 0xc4, [0xff, 0xffff, TWO_32 - 1]);
  writer.append(bytes);
}

function writeCount(writer, count, short, long) {
  if (count < 16) writer.put(short | count);
  else if (count <= 0xffff) writer.integer(long, count, 2);
  else writer.integer(long + 1, count, 4);
}

class Reader {
  offset = 0;

  constructor(bytes) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** The offset of the next `count` bytes. */
  skip(count) {
    const offset = this.offset;
    if (count > this.bytes.length - offset) throw new RangeError("the message ends too early");
    this.offset += count;
    return offset;
  }

  unsigned(size) {
    return this.view[`getUint${8 * size}`](this.skip(size));
  }

  slice(count) {
    const offset = this.skip(count);
    return this.bytes.slice(offset, offset + count);
  }
}

const READERS = {
  0xc0: () => null,
  0xc2: () => false,
  0xc3: () => true,
  0xc4: (reader) => reader.slice(reader.unsigned(1)),
  0xc5: (reader) => reader.slice(reader.unsigned(2)),
  0xc6: (reader) => reader.slice(reader.unsigned(4)),
  0xca: (reader) => reader.view.getFloat32(reader.skip(4)),
  0xcb: (reader) => reader.view.getFloat64(reader.skip(8)),
  0xcc: (reader) => reader.unsigned(1),
  0xcd: (reader) => reader.unsigned(2),
  0xce: (reader) => reader.unsigned(4),
  0xcf: (reader) => exact(reader.view.getBigUint64(reader.skip(8))),
  0xd0: (reader) => reader.view.getInt8(reader.skip(1)),
  0xd1: (reader) => reader.view.getInt16(reader.skip(2)),
  0xd2: (reader) => reader.view.getInt32(reader.skip(4)),
  0xd3: (reader) => exact(reader.view.getBigInt64(reader.skip(8))),
  0xd9: (reader) => text(reader, reader.unsigned(1)),
  0xda: (reader) => text(reader, reader.unsigned(2)),
  0xdb: (reader) => text(reader, reader.unsigned(4)),
  0xdc: (reader, depth) => list(reader, reader.unsigned(2), depth),
  0xdd: (reader, depth) => list(reader, reader.unsigned(4), depth),
  0xde: (reader, depth) => map(reader, reader.unsigned(2), depth),
  0xdf: (reader, depth) => map(reader, reader.unsigned(4), depth),
};

function read(reader, depth) {
  if (depth > DEPTH_MAX) throw new RangeError("too deep");
  const tag = reader.unsigned(1);
  if (tag < 0x80) return tag;
  if (tag < 0x90) return map(reader, tag & 0x0f, depth);
  if (tag < 0xa0) return list(reader, tag & 0x0f, depth);
  if (tag < 0xc0) return text(reader, tag & 0x1f);
  if (tag >= 0xe0) return tag - 0x100;
  if (!(tag in READERS)) throw new RangeError(`a value of kind 0x${tag.toString(16)}`);
  return READERS[tag](reader, depth);
}

function exact(big) {
  const value = Number(big);
  if (!Number.isSafeInteger(value)) throw new RangeError(`${big} is beyond what a number here holds`);
  return value;
}

function text(reader, count) {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(reader.slice(count));
  } catch (problem) {
    throw problem instanceof RangeError ? problem : new RangeError("a string that is not UTF-8");
  }
}

// Counts are never trusted with memory: each item takes at least a byte, and reading ends where the bytes do.
function list(reader, count, depth) {
  const items = [];
  for (let index = 0; index < count; index += 1) items.push(read(reader, depth + 1));
  return items;
}

function map(reader, count, depth) {
  const entries = [];
  for (let index = 0; index < count; index += 1) {
    const name = read(reader, depth + 1);
    if (typeof name !== "string") throw new RangeError("a key that is not a string");
    entries.push([name, read(reader, depth + 1)]);
  }
  return Object.fromEntries(entries);
}
