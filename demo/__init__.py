"""The Gradio door. Importing it needs no Gradio and does no work; `app.launch_demo` starts the page."""
