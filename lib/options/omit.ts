/** A copy of an object without some of its properties. */
export function omit<T extends object, Name extends keyof T & string>(value: T, ...names: Name[]): Omit<T, Name> {
  const entries = Object.entries(value).filter(([name]) => !(names as string[]).includes(name));
  return Object.fromEntries(entries) as Omit<T, Name>;
}
