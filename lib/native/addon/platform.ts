/** The system that this process runs on, as prebuilt addons are named after. */
export type Libc = "glibc" | "musl" | "";

export interface Platform {
  platform: string;
  arch: string;
  libc: Libc;
}

/** The C library is told from Node's own report: /etc files lie in containers. */
export function currentPlatform(): Platform {
  const libc = process.platform !== "linux" ? "" : glibcVersion() === undefined ? "musl" : "glibc";
  return { platform: process.platform, arch: process.arch, libc };
}

/** Of the glibc that runs, such as "2.36"; undefined where there is none. */
export function glibcVersion(): string | undefined {
  return (process.report.getReport() as { header?: { glibcVersionRuntime?: string } }).header?.glibcVersionRuntime;
}

export function platformName({ platform, arch, libc }: Platform): string {
  return `${platform}-${arch}${libc === "" ? "" : ` (${libc})`}`;
}
