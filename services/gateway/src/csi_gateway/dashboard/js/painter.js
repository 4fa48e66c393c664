// Draws each part of the page at its own pace, and nothing at all while the page is hidden.

export class Painter {
  constructor() {
    this.jobs = [];
    document.addEventListener("visibilitychange", () => this.now());
  }

  /** Paints everything at once, as when the reader has chosen something. */
  now() {
    this.jobs.forEach((job) => this.run(job));
  }

  /** Calls `paint` about `hertz` times a second while the page is visible; a paint never overlaps itself. */
  every(hertz, paint) {
    const job = { paint, busy: false, timer: 0 };
    job.timer = setInterval(() => this.run(job), 1000 / hertz);
    this.jobs.push(job);
  }

  run(job) {
    if (document.hidden || job.busy) return;
    job.busy = true;
    requestAnimationFrame(async () => {
      try {
        await job.paint();
        job.busy = false;
      } catch (error) {
        clearInterval(job.timer); // stays busy: a part that failed is not tried ten times a second
        throw error;
      }
    });
  }
}
