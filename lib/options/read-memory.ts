/**
 * Typed arrays and buffers of the caller as they really are: asked through the language's own accessors, which a property
 * of the same name on the object cannot replace, and which know of memory that was transferred or has shrunk.
 */
import { types } from "node:util";

type Getter<T> = (this: unknown) => T;

function getter<T>(prototype: object, name: string): Getter<T> {
  const descriptor = Object.getOwnPropertyDescriptor(prototype, name) as { get: Getter<T> };
  return descriptor.get;
}

const TYPED_ARRAY = Object.getPrototypeOf(Uint8Array.prototype) as object;
const bufferOf = getter<ArrayBufferLike>(TYPED_ARRAY, "buffer");
const byteOffsetOf = getter<number>(TYPED_ARRAY, "byteOffset");
const byteLengthOf = getter<number>(TYPED_ARRAY, "byteLength");
const lengthOfTyped = getter<number>(TYPED_ARRAY, "length");
const lengthOfBuffer = getter<number>(ArrayBuffer.prototype, "byteLength");
const lengthOfShared = getter<number>(SharedArrayBuffer.prototype, "byteLength");

/** Elements of a typed array; 0 when its memory is gone. */
export function typedLength(array: NodeJS.TypedArray): number {
  return lengthOfTyped.call(array);
}

/** Bytes of an ArrayBuffer or SharedArrayBuffer. */
export function bufferLength(buffer: ArrayBufferLike): number {
  return (types.isSharedArrayBuffer(buffer) ? lengthOfShared : lengthOfBuffer).call(buffer);
}

/** The bytes of a typed array or buffer, in the same memory; none where it is gone. */
export function bytesOf(memory: NodeJS.TypedArray | ArrayBufferLike): Uint8Array {
  const length = types.isTypedArray(memory) ? byteLengthOf.call(memory) : bufferLength(memory);
  if (length === 0) return new Uint8Array(0);
  return types.isTypedArray(memory)
    ? new Uint8Array(bufferOf.call(memory), byteOffsetOf.call(memory), length)
    : new Uint8Array(memory, 0, length);
}

/** A copy that nothing else writes to; callers bound the length first. */
export function copyFloats(array: Float32Array | Float64Array): Float32Array {
  const floats = new Float32Array(typedLength(array));
  if (floats.length > 0) floats.set(array);
  return floats;
}
