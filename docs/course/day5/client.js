// A caller in JavaScript, for browsers and for node (18 or later).
export async function classify(url, image) {
  const answer = await fetch(`${url}/v1/predict`, {
    method: "POST",
    headers: { "Content-Type": "image/png" },
    body: image,
  });
  const body = await answer.json();
  return answer.ok ? body.predictions[0].label : body.detail;
}
