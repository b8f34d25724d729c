
mod scripted_model;
