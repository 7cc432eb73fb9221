/** Errors on their way between processes. */
import {
  DisposedError,
  type ErrorCode,
  HubError,
  type HubErrorCode,
  ImageError,
  type ImageErrorCode,
  InstallError,
  type InstallErrorCode,
  IpAdapterError,
  OptionError,
  type OptionErrorCode,
  messageOf,
} from "../errors";
import type { PlainError } from "./messages";

export function toPlainError(error: unknown): PlainError {
  if (!(error instanceof IpAdapterError))
    return { name: "IpAdapterError", code: "ERR_IPA_INTERNAL", message: messageOf(error) };
  const { name, code, message } = error;
  if (error instanceof OptionError) return { name, code, message, option: error.option };
  if (error instanceof HubError) return { name, code, message, repo: error.repo, status: error.status };
  return { name, code, message };
}

export function fromPlainError({ name, code, message, option = "", repo = "", status }: PlainError): IpAdapterError {
  switch (name) {
    case "OptionError": {
      const said = `${option}: `;
      const problem = option !== "" && message.startsWith(said) ? message.slice(said.length) : message;
      return new OptionError(option, problem, { code: code as OptionErrorCode });
    }
    case "HubError":
      return new HubError(code as HubErrorCode, message, { repo, status });
    case "ImageError":
      return new ImageError(code as ImageErrorCode, message);
    case "InstallError":
      return new InstallError(code as InstallErrorCode, message);
    case "DisposedError":
      return new DisposedError(message);
    default:
      return new IpAdapterError(code as ErrorCode, message);
  }
}
