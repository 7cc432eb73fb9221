/** Server-sent events. */
import { PassThrough } from "node:stream";

import type { FastifyReply } from "fastify";

import type { JsonSchema } from "../openapi/schema";

/** The media type for the OpenAPI document. @param events schemas of their data, by their names */
export function eventsOf(events: Record<string, JsonSchema>): Record<string, JsonSchema> {
  const kinds = Object.entries(events).map(([name, contentSchema]) => ({
    type: "object",
    required: ["event", "data"],
    properties: {
      event: { type: "string", enum: [name] },
      data: { type: "string", contentMediaType: "application/json", contentSchema },
    },
  }));
  const description = `one of the events, which are named ${Object.keys(events).join(", ")}`;
  return { "text/event-stream": { description, anyOf: kinds } };
}

/** An event as it goes over the wire. */
export const eventText = (event: string, data: object): Buffer =>
  Buffer.from(`event: ${event}\ndata: ${JSON.stringify(data)}\n\n`);

/** Seconds between signs of life, which proxies wait for. */
const ALIVE = 15;

export class EventStream {
  readonly #stream = new PassThrough();
  readonly #alive: NodeJS.Timeout;
  /** pictures are encoded aside, and events keep their order */
  #last: Promise<void> = Promise.resolve();

  /** resolves when nothing is sent any more: after the end, or when the client has gone away */
  readonly closed: Promise<void>;

  /** Begins the answer. @param onGone called when the client goes away before the end */
  constructor(reply: FastifyReply, onGone: () => void) {
    this.#alive = setInterval(() => this.#stream.write(":\n\n"), ALIVE * 1000);
    this.closed = new Promise((resolve) => {
      this.#stream.once("close", () => {
        clearInterval(this.#alive);
        if (!this.#stream.writableEnded) onGone();
        resolve();
      });
    });
    void reply
      .header("content-type", "text/event-stream; charset=utf-8")
      .header("cache-control", "no-store")
      .header("x-accel-buffering", "no")
      .send(this.#stream);
  }

  /**
   * @param data of the event, or what makes it; an event that cannot be made is left out
   * @param passing it may be left out where the client does not keep up
   */
  send(event: string, data: object | (() => Promise<object>), passing = false): void {
    const make = async (): Promise<object> =>
      typeof data === "function" ? await (data as () => Promise<object>)() : data;
    this.sendText(async () => eventText(event, await make()), passing);
  }

  /** The same with an event that is written already, once for many clients. @param make as `eventText` gives it */
  sendText(make: () => Promise<Buffer>, passing = false): void {
    this.#last = this.#last.then(async () => {
      if (this.#stream.destroyed || (passing && this.#stream.writableNeedDrain)) return;
      try {
        this.#stream.write(await make());
      } catch {
        // A preview that cannot be encoded is no loss.
      }
    });
  }

  /** Ends the answer behind the events that were sent. */
  end(): void {
    void this.#last.then(() => this.#stream.end());
  }
}
