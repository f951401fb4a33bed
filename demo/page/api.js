// Talks to the backend that served the page.

/** Sends a request and gives the JSON of the answer; a refusal throws its message. */
export async function request(method, path, body) {
  const options = { method, cache: "no-store" };
  if (body !== undefined) {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body);
  }
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Error("The backend cannot be reached. Is it still running?");
  }
  const answer = await response.json().catch(() => null);
  if (!response.ok) {
    throw new Error(answer?.error?.message ?? `The backend answered ${response.status}.`);
  }
  return answer;
}
